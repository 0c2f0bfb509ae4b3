import Hosts
public import Model

extension StorageDriver {
    /// Reads our pools and what lies in them: libvirt's lists, one `find`, one `getfattr`. What cannot be read is
    /// unknown, never absent.
    ///
    /// - Parameter wanted: the declared pools, whose declarations the observed ones carry on.
    public func observe(wanted: [StoragePool]) async -> StorageObservation {
        do throws(HostError) {
            do throws(HostError) {
                return try await read(wanted)
            } catch .command(let program, 1, _) where program == "find" {
                // A file went while it was looked at.
                return try await read(wanted)
            }
        } catch {
            return StorageObservation(unknown: [UnknownArea(.storage, reason: "\(error)")])
        }
    }

    private func read(_ wanted: [StoragePool]) async throws(HostError) -> StorageObservation {
        var reading = StorageReading(host: host, identity: identity)
        let declared = Dictionary(wanted.map { ($0.metadata.identity, $0) }, uniquingKeysWith: { first, _ in first })
        var folders: [String: String] = [:]
        var seen: [String: StorageVolumeRecord] = [:]
        for record in try await connection.storagePools(deadline: callDeadline) {
            guard let id = poolID(record), let folder = record.folder else {
                reading.result.foreign.append(Self.foreign(record))
                continue
            }
            reading.result.pools.append(pool(id, record, folder, declared[id]))
            guard record.isActive else {
                reading.isUnknown(pool: id, "it is not started")
                continue
            }
            do throws(HostError) {
                try await connection.refreshStoragePool(record.uuid, deadline: callDeadline)
                for volume in try await connection.storageVolumes(inPool: record.uuid, deadline: callDeadline) {
                    seen[volume.path] = volume
                }
                folders[folder] = id
            } catch .libvirt(_, _, let message, _) {
                reading.isUnknown(pool: id, "libvirt cannot read it: \(CommandText.printable(message))")
            }
        }
        let (files, marks) = try await list(folders.keys.sorted())
        for file in files {
            guard let pool = folders[file.folder] else { continue }
            let record = seen[file.path]
            reading.add(file, inPool: pool, mark: marks[file.path], seen: record.map { ($0.capacity, $0.backing) })
        }
        reading.sort()
        return reading.result
    }

    /// The files in the folders, and their marks.
    private func list(_ folders: [String]) async throws(HostError) -> ([FileRecord], [String: FileMark]) {
        guard !folders.isEmpty else { return ([], [:]) }
        let here = folders + ["-mindepth", "1", "-maxdepth", "1"]
        // Foreign names need not be UTF-8; ours are ASCII, so a repaired one is never one of ours.
        let files = try await commands.run(
            "find", here + ["-printf", FileRecord.format], outputLimit: 1 << 26, repairing: true)
        let marks = try await commands.run(
            "find",
            here + [
                "-type", "f", "-exec", "getfattr", "--no-dereference", "--dump", #"--match=^user\.infra$"#,
                "--encoding=base64", "--absolute-names", "--", "{}", "+",
            ], outputLimit: 1 << 26, repairing: true)
        return (try FileRecord.parse(files.text), try FileMark.parse(dump: marks.text))
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
    mutating func isUnknown(pool id: String, _ reason: String) {
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
