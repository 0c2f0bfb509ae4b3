import Foundation
import Hosts
public import Model

extension StorageDriver {
    /// Reads our pools and what lies in them: libvirt's list of pools, their folders with marks and headers, one that
    /// reads the headers of our qcow2 files. What cannot be read is unknown, never absent.
    ///
    /// - Parameters:
    ///   - wanted: the declared pools, whose declarations the observed ones carry on.
    ///   - files: the paths of files that manifests adopt; of those that are not ours yet libvirt is asked.
    ///   - units: the declared volumes, of which those are looked at that are logical units.
    ///   - isImporting: whether to look at all that is not ours.
    public func observe(
        wanted: [StoragePool], files: Set<String> = [], units: [Volume] = [], isImporting: Bool = false
    ) async -> StorageObservation {
        async let groups = reported(wanted)
        let managed = wanted.filter { $0.spec.iscsi?.manage?.host == host }
        let wanted = wanted.map { $0.seen(from: host) }
        async let remote = look(at: units, on: wanted)
        do throws(HostError) {
            var reading = try await read(wanted, files, isImporting)
            reading.add(await groups, wanted: wanted)
            reading.add(await remote, of: wanted)
            if !managed.isEmpty || reading.result.volumes.contains(where: { $0.status?.mark?.unit != nil }) {
                reading.add(await served(), managing: managed)
            }
            reading.tellTwins()
            reading.sort()
            return reading.result
        } catch {
            return StorageObservation(unknown: [UnknownArea(.storage, reason: "\(error)")])
        }
    }

    private func read(
        _ wanted: [StoragePool], _ files: Set<String>, _ isImporting: Bool
    ) async throws(HostError) -> StorageReading {
        var reading = StorageReading(host: host, identity: identity)
        let declared = Dictionary(wanted.map { ($0.metadata.identity, $0) }, uniquingKeysWith: { first, _ in first })
        let records = try await connection.storagePools(deadline: callDeadline)
        // What lies in those that are ours by name is read while the others are asked whose they are.
        let started = records.filter { poolID($0) != nil && $0.isActive }
        let folders = Set(started.compactMap(\.directory))
        async let early = listed(folders)
        async let mounts = lookIntoMounts(started.compactMap(\.nfs))
        let (ids, marks) = try await owned(records)
        var pools: [String: (id: String, record: StoragePoolRecord)] = [:]
        for record in records {
            guard let id = ids[record.uuid], let backend = record.backend, let folder = record.folder else { continue }
            reading.result.pools.append(pool(id, record, backend, declared[id]))
            if record.isActive {
                pools[folder] = (id, record)
            } else {
                reading.isUnknown(pool: id, "it is not started")
            }
        }
        let named = isImporting ? nil : Set(wanted.compactMap(\.metadata.uuid))
        let strangers = try await strangers(
            records.filter { ids[$0.uuid] == nil }, named: named, marks, &reading)
        pools.merge(strangers.mapValues { ($0.name, $0) }) { ours, _ in ours }
        var unmade = try await unmade(wanted, ids: Set(ids.values), taken: Set(records.compactMap(\.folder)))
        var (listing, unread) = try await early.get()
        let mounted = await mounts
        let rest = pools.keys.filter { !folders.contains($0) && mounted[$0] == nil }
        let later = try await list((rest + unmade.keys).sorted())
        listing.add(later.listing)
        unread += later.unread
        for (folder, mount) in mounted {
            switch mount {
            case .listed(let contents): listing.add(contents)
            case .missing(let reason):
                unread.append((folder, reason))
                reading.isNotMounted(folder)
            case .unread(let reason): unread.append((folder, reason))
            }
        }
        for (folder, reason) in unread {
            if let pool = pools.removeValue(forKey: folder) { reading.isUnknown(pool.id, pool.record, ids, reason) }
            reading.isUnknown(pool: unmade.removeValue(forKey: folder), reason)
        }
        for index in reading.result.pools.indices {
            guard let space = listing.space[reading.result.pools[index].spec.folder] else { continue }
            reading.result.pools[index].status?.capacity = ByteCount(space.capacity)
            reading.result.pools[index].status?.available = ByteCount(space.available)
        }
        var (seen, doubtful) = try await contents(of: listing)
        doubtful.formUnion(strangers.keys)
        // A file that is to become ours says by itself neither its size nor its format.
        for file in listing.files where listing.marks[file.path] == nil {
            let isOther = isImporting && FileRole(name: file.name, identity: identity) == nil
            if isOther || files.contains(file.path) { doubtful.insert(file.folder) }
        }
        for folder in doubtful.sorted() {
            guard let (id, record) = pools[folder] else { continue }
            do throws(HostError) {
                // What is not ours is only read.
                if ids[record.uuid] != nil {
                    try await connection.refreshStoragePool(record.uuid, deadline: callDeadline)
                }
                for volume in try await connection.storageVolumes(inPool: record.uuid, deadline: callDeadline) {
                    seen[volume.path] = FileContents(
                        size: volume.capacity, backing: volume.backing, format: volume.format)
                }
            } catch .libvirt(_, _, let message, _) {
                pools[folder] = nil
                reading.isUnknown(id, record, ids, "libvirt cannot read it: \(CommandText.printable(message))")
            }
        }
        for file in listing.files {
            let mark = listing.marks[file.path]
            if let id = pools[file.folder]?.id {
                reading.add(file, inPool: id, mark: mark, seen: seen[file.path])
            } else if let id = unmade[file.folder], reading.isOurs(file, mark) {
                reading.add(file, inPool: id, mark: mark, seen: seen[file.path])
            }
        }
        return reading
    }

    /// Declared pools that libvirt does not know, by their folders where those are there: what was kept in one is not seen by
    /// libvirt, and is there all the same.
    private func unmade(
        _ wanted: [StoragePool], ids: Set<String>, taken: Set<String>
    ) async throws(HostError) -> [String: String] {
        let missing = wanted.filter {
            $0.isOn(host: host) && $0.spec.holdsFiles && $0.spec.nfs == nil && $0.metadata.uuid == nil
                && !ids.contains($0.metadata.identity) && !taken.contains($0.spec.folder)
        }
        guard !missing.isEmpty else { return [:] }
        let output = try await commands.run(
            "bash", ["-c", StorageScripts.folders, "infra-inspect"] + missing.map(\.spec.folder), outputLimit: 1 << 24)
        let there = Set(output.text.split(separator: "\0").map(String.init))
        return missing.reduce(into: [:]) {
            if there.contains($1.spec.folder) { $0[$1.spec.folder] = $1.metadata.identity }
        }
    }

    private func served() async -> Result<[TargetListing.Target], HostError> {
        do throws(HostError) {
            return .success(try await targets())
        } catch {
            return .failure(error)
        }
    }

    private func listed(_ folders: Set<String>) async -> Result<FolderListing, HostError> {
        do throws(HostError) {
            return .success(try await list(folders.sorted()))
        } catch {
            return .failure(error)
        }
    }

    func pool(
        _ id: String, _ record: StoragePoolRecord, _ backend: StoragePool.Backend, _ declared: StoragePool?
    ) -> StoragePool {
        var spec = declared?.spec ?? StoragePool.Spec(backend)
        spec.backend = backend
        if spec.nfs != nil { spec.shared = true }
        return StoragePool(
            metadata: declared?.metadata ?? Metadata(name: id), spec: spec,
            status: StoragePool.Status(
                host: host, uuid: record.uuid, name: record.name, active: record.isActive,
                autostart: record.autostart, capacity: record.isActive ? ByteCount(record.capacity) : nil,
                available: record.isActive ? ByteCount(record.available) : nil))
    }
}

extension StorageReading {
    /// Notes a pool whose contents cannot be told; one that is not ours is then not to be adopted.
    mutating func isUnknown(
        _ id: String, _ record: StoragePoolRecord, _ ids: [UUID: String], _ reason: String
    ) {
        if ids[record.uuid] != nil { return isUnknown(pool: id, reason) }
        result.adoptable.pools.removeAll { $0.status?.uuid == record.uuid }
        for index in result.foreign.indices where result.foreign[index].uuid == record.uuid.lowercased {
            result.foreign[index].obstacle = reason
        }
    }

    /// Notes that what libvirt holds for mounted is not.
    mutating func isNotMounted(_ folder: String) {
        for index in result.pools.indices where result.pools[index].spec.folder == folder {
            result.pools[index].status?.active = false
        }
    }

    /// Notes a pool whose contents cannot be told.
    mutating func isUnknown(pool id: String?, _ reason: String) {
        guard let id else { return }
        result.unknown.append(UnknownArea(.storage, resource: ResourceID(.storagePool, id), reason: reason))
    }

    /// Two files that carry the mark of one volume, and neither says that it is a copy of the other: which of them it is
    /// cannot be told.
    mutating func tellTwins() {
        let paths = Dictionary(grouping: result.volumes.filter { $0.status?.staged == false }, by: \.metadata.identity)
        for (id, volumes) in paths
        where volumes.count > 1 && volumes.count(where: { $0.status?.mark?.copy?.isOfPool != true }) > 1 {
            let names = volumes.compactMap(\.status?.path).sorted().joined(separator: ", ")
            result.unknown.append(
                UnknownArea(
                    .storage, resource: ResourceID(.volume, id), reason: "several files carry its mark: \(names)"))
            result.volumes.removeAll { $0.metadata.identity == id && $0.status?.staged == false }
        }
    }

    /// Puts the lists in their order.
    mutating func sort() {
        result.pools.sort { $0.metadata.identity < $1.metadata.identity }
        result.images.sort { $0.status?.path ?? "" }
        result.volumes.sort { $0.status?.path ?? "" }
        result.adoptable.pools.sort { $0.metadata.name < $1.metadata.name }
        result.adoptable.volumes.sort { ($0.status?.path ?? "") < ($1.status?.path ?? "") }
        result.foreign.sort { ($0.kind.rawValue, $0.name) < ($1.kind.rawValue, $1.name) }
    }
}
