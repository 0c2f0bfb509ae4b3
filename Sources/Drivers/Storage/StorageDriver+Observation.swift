import Foundation
import Hosts
public import Model

extension StorageDriver {
    /// Reads our pools and what lies in them: libvirt's list of pools, one command that lists their folders, one that
    /// reads the headers of our qcow2 files. What cannot be read is unknown, never absent.
    ///
    /// - Parameters:
    ///   - wanted: the declared pools, whose declarations the observed ones carry on.
    ///   - files: the paths of files that manifests adopt; of those that are not ours yet libvirt is asked.
    ///   - isImporting: whether to look at all that is not ours.
    public func observe(
        wanted: [StoragePool], files: Set<String> = [], isImporting: Bool = false
    ) async -> StorageObservation {
        do throws(HostError) {
            return try await read(wanted, files, isImporting)
        } catch {
            return StorageObservation(unknown: [UnknownArea(.storage, reason: "\(error)")])
        }
    }

    private func read(
        _ wanted: [StoragePool], _ files: Set<String>, _ isImporting: Bool
    ) async throws(HostError) -> StorageObservation {
        var reading = StorageReading(host: host, identity: identity)
        let declared = Dictionary(wanted.map { ($0.metadata.identity, $0) }, uniquingKeysWith: { first, _ in first })
        let records = try await connection.storagePools(deadline: callDeadline)
        let (ids, marks) = try await owned(records)
        var pools: [String: (id: String, record: StoragePoolRecord)] = [:]
        for record in records {
            guard let id = ids[record.uuid], let folder = record.folder else { continue }
            reading.result.pools.append(pool(id, record, folder, declared[id]))
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
        let (listing, unread) = try await list(pools.keys.sorted())
        for (folder, reason) in unread {
            if let pool = pools.removeValue(forKey: folder) { reading.isUnknown(pool.id, pool.record, ids, reason) }
        }
        for index in reading.result.pools.indices {
            guard let space = listing.space[reading.result.pools[index].spec.path] else { continue }
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
            guard let id = pools[file.folder]?.id else { continue }
            reading.add(file, inPool: id, mark: listing.marks[file.path], seen: seen[file.path])
        }
        reading.tellTwins()
        reading.sort()
        return reading.result
    }

    /// Tells of the pools that are not ours, and returns those by folder that can be adopted and that somebody asked for.
    ///
    /// - Parameter named: libvirt's UUIDs of those that are asked for; nil for all.
    private func strangers(
        _ records: [StoragePoolRecord], named: Set<UUID>?, _ marks: [String: FileMark], _ reading: inout StorageReading
    ) async throws(HostError) -> [String: StoragePoolRecord] {
        let asked = records.filter { named?.contains($0.uuid) ?? true }
        let objections = try await objections(asked.filter(\.isActive).compactMap(\.folder))
        var result: [String: StoragePoolRecord] = [:]
        for record in records {
            let mark = record.folder.flatMap { marks[$0] }
            let isAsked = asked.contains(record)
            let obstacle = isAsked ? Self.obstacle(to: record, mark, objections) : nil
            reading.result.foreign.append(Self.foreign(record, mark, obstacle: obstacle))
            guard isAsked, obstacle == nil, let folder = record.folder else { continue }
            reading.result.adoptable.pools.append(pool(record.name, record, folder, nil))
            result[folder] = record
        }
        return result
    }

    /// What is in the folders, and why those that are left out could not be read.
    private func list(
        _ folders: [String]
    ) async throws(HostError) -> (StorageListing, unread: [(folder: String, reason: String)]) {
        guard !folders.isEmpty else { return (StorageListing(), []) }
        do throws(HostError) {
            return (try await look(folders), [])
        } catch .command {
            // A file went while it was looked at, or one folder cannot be read.
            var whole = StorageListing()
            var unread: [(String, String)] = []
            for folder in folders {
                do throws(HostError) {
                    whole.add(try await look([folder]))
                } catch .command(_, _, let message) {
                    unread.append((folder, "it cannot be read: \(message)"))
                }
            }
            return (whole, unread)
        }
    }

    private func look(_ folders: [String]) async throws(HostError) -> StorageListing {
        // Foreign names need not be UTF-8; ours are ASCII, so a repaired one is never one of ours.
        let output = try await commands.run(
            "bash", ["-c", StorageScripts.list, "infra-list"] + folders, outputLimit: 1 << 26, repairing: true)
        return try StorageListing(output.text, folders: folders)
    }

    /// What the headers of our qcow2 files say, by path, and the folders of those for which libvirt has to be asked.
    ///
    /// The names are ours, and each file gives the same number of bytes or none at all counts, so nothing that is in a
    /// file can be taken for another's.
    private func contents(
        of listing: StorageListing
    ) async throws(HostError) -> (seen: [String: FileContents], doubtful: Set<String>) {
        let disks = listing.files.filter { file in
            if let own = listing.marks[file.path]?.adopted(file, in: identity) { return own.format == .qcow2 }
            guard file.isPlain, case .volume(_, .qcow2, _) = FileRole(name: file.name, identity: identity) else {
                return false
            }
            return true
        }
        let length = QCOW2Header.observedLength
        let readable = disks.filter { $0.size >= length }
        var doubtful = Set(disks.filter { $0.size < length }.map(\.folder))
        guard !readable.isEmpty else { return ([:], doubtful) }
        let names = readable.reduce(into: [UInt8]()) { $0 += Array($1.path.utf8) + [0] }
        let bytes: [UInt8]
        do throws(HostError) {
            bytes = try await commands.bytes(
                "xargs", ["--null", "head", "--quiet", "--bytes=\(length)", "--"], input: .bytes(names),
                outputLimit: readable.count * length)
        } catch .command {
            bytes = []
        }
        guard bytes.count == readable.count * length else { return ([:], Set(disks.map(\.folder))) }
        var seen: [String: FileContents] = [:]
        for (index, file) in readable.enumerated() {
            if let contents = QCOW2Header.contents(Array(bytes[index * length..<(index + 1) * length])) {
                seen[file.path] = FileContents(
                    size: contents.size, backing: contents.backing, format: Volume.Format.qcow2.rawValue)
            } else {
                doubtful.insert(file.folder)
            }
        }
        return (seen, doubtful)
    }

    private func pool(
        _ id: String, _ record: StoragePoolRecord, _ folder: String, _ declared: StoragePool?
    ) -> StoragePool {
        var spec = declared?.spec ?? StoragePool.Spec(path: folder)
        spec.path = folder
        return StoragePool(
            metadata: declared?.metadata ?? Metadata(name: id), spec: spec,
            status: StoragePool.Status(
                host: host, uuid: record.uuid, name: record.name, active: record.isActive,
                autostart: record.autostart, capacity: record.isActive ? ByteCount(record.capacity) : nil,
                available: record.isActive ? ByteCount(record.available) : nil))
    }

    /// Why no manifest can adopt a pool.
    private static func obstacle(
        to record: StoragePoolRecord, _ mark: FileMark?, _ objections: [String: String]
    ) -> String? {
        guard let folder = record.folder else {
            return "its type is \(CommandText.printable(record.definition["type"] ?? "unknown")), not dir"
        }
        if let mark { return mark.owner.isEmpty ? "its folder carries another mark" : "it belongs to \(mark.owner)" }
        if isFleets(record.name) { return "its name is that of a pool of some fleet" }
        guard record.isPersistent else { return "it is transient" }
        return record.isActive ? objections[folder] : "it is not started"
    }

    /// Whether a fleet gives its pools such a name.
    private static func isFleets(_ name: String) -> Bool {
        let parts = name.split(separator: "-")
        return parts.count >= 3 && parts[0] == "infra" && parts[1].utf8.count == 8
    }

    private static func foreign(
        _ record: StoragePoolRecord, _ mark: FileMark?, obstacle: String?
    ) -> ForeignObject {
        let parts = record.name.split(separator: "-")
        return ForeignObject(
            kind: .pool, name: CommandText.printable(record.name),
            owner: isFleets(record.name) ? "fleet \(parts[1])" : mark?.owner ?? "",
            uuid: record.uuid.lowercased, path: record.definition.first(path: "target", "path")?.text,
            obstacle: obstacle)
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

    /// Notes a pool whose contents cannot be told.
    mutating func isUnknown(pool id: String?, _ reason: String) {
        guard let id else { return }
        result.unknown.append(UnknownArea(.storage, resource: ResourceID(.storagePool, id), reason: reason))
    }

    /// Two files that carry the mark of one volume: which of them it is cannot be told.
    mutating func tellTwins() {
        let paths = Dictionary(grouping: result.volumes.filter { $0.status?.staged == false }, by: \.metadata.identity)
        for (id, volumes) in paths where volumes.count > 1 {
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
