import Hosts
public import Model

extension StorageDriver {
    /// Reads our pools and what lies in them: libvirt's list of pools, one command that lists their folders, one that
    /// reads the headers of our qcow2 files. What cannot be read is unknown, never absent.
    ///
    /// - Parameter wanted: the declared pools, whose declarations the observed ones carry on.
    public func observe(wanted: [StoragePool]) async -> StorageObservation {
        do throws(HostError) {
            return try await read(wanted)
        } catch {
            return StorageObservation(unknown: [UnknownArea(.storage, reason: "\(error)")])
        }
    }

    private func read(_ wanted: [StoragePool]) async throws(HostError) -> StorageObservation {
        var reading = StorageReading(host: host, identity: identity)
        let declared = Dictionary(wanted.map { ($0.metadata.identity, $0) }, uniquingKeysWith: { first, _ in first })
        var pools: [String: (id: String, record: StoragePoolRecord)] = [:]
        for record in try await connection.storagePools(deadline: callDeadline) {
            guard let id = poolID(record), let folder = record.folder else {
                reading.result.foreign.append(Self.foreign(record))
                continue
            }
            reading.result.pools.append(pool(id, record, folder, declared[id]))
            if record.isActive {
                pools[folder] = (id, record)
            } else {
                reading.isUnknown(pool: id, "it is not started")
            }
        }
        let (listing, unread) = try await list(pools.keys.sorted())
        for (folder, reason) in unread { reading.isUnknown(pool: pools.removeValue(forKey: folder)?.id, reason) }
        for index in reading.result.pools.indices {
            guard let space = listing.space[reading.result.pools[index].spec.path] else { continue }
            reading.result.pools[index].status?.capacity = ByteCount(space.capacity)
            reading.result.pools[index].status?.available = ByteCount(space.available)
        }
        var (seen, doubtful) = try await contents(of: listing.files)
        for folder in doubtful.sorted() {
            guard let (id, record) = pools[folder] else { continue }
            do throws(HostError) {
                try await connection.refreshStoragePool(record.uuid, deadline: callDeadline)
                for volume in try await connection.storageVolumes(inPool: record.uuid, deadline: callDeadline) {
                    seen[volume.path] = (volume.capacity, volume.backing)
                }
            } catch .libvirt(_, _, let message, _) {
                pools[folder] = nil
                reading.isUnknown(pool: id, "libvirt cannot read it: \(CommandText.printable(message))")
            }
        }
        for file in listing.files {
            guard let id = pools[file.folder]?.id else { continue }
            reading.add(file, inPool: id, mark: listing.marks[file.path], seen: seen[file.path])
        }
        reading.sort()
        return reading.result
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
        of files: [FileRecord]
    ) async throws(HostError) -> (seen: [String: (UInt64, backing: String?)], doubtful: Set<String>) {
        let disks = files.filter { file in
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
        var seen: [String: (UInt64, backing: String?)] = [:]
        for (index, file) in readable.enumerated() {
            if let contents = QCOW2Header.contents(Array(bytes[index * length..<(index + 1) * length])) {
                seen[file.path] = contents
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

    private static func foreign(_ record: StoragePoolRecord) -> ForeignObject {
        let parts = record.name.split(separator: "-")
        let isFleets = parts.count >= 3 && parts[0] == "infra" && parts[1].utf8.count == 8
        return ForeignObject(
            kind: .pool, name: CommandText.printable(record.name), owner: isFleets ? "fleet \(parts[1])" : "",
            uuid: record.uuid.lowercased, path: record.definition.first(path: "target", "path")?.text)
    }
}

extension StorageReading {
    /// Notes a pool whose contents cannot be told.
    mutating func isUnknown(pool id: String?, _ reason: String) {
        guard let id else { return }
        result.unknown.append(UnknownArea(.storage, resource: ResourceID(.storagePool, id), reason: reason))
    }

    /// Puts the lists in their order.
    mutating func sort() {
        result.pools.sort { $0.metadata.identity < $1.metadata.identity }
        result.images.sort { ($0.status?.path ?? "") < ($1.status?.path ?? "") }
        result.volumes.sort { ($0.status?.path ?? "") < ($1.status?.path ?? "") }
        result.foreign.sort { ($0.kind.rawValue, $0.name) < ($1.kind.rawValue, $1.name) }
    }
}
