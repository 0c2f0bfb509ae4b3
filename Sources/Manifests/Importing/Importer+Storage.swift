import Model

extension Importer {
    mutating func importPools() {
        var roots: [String] = []
        for found in observed.adoptable.pools {
            let path = found.spec.folder
            let parent = path.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 }
            let all = existing.pools + pools
            if !Form<String>.isFolder(path) {
                refuse("pool", found.metadata.name, "no manifest can say its folder \(path)")
            } else if let other = all.first(where: { Self.isNested($0.spec.folder, path) }) {
                refuse("pool", found.metadata.name, "its folder \(path) and that of \(other.metadata.name) overlap")
            } else if isNew, !KVMHost.isStorageRoot(parent) {
                refuse("pool", found.metadata.name, "its folder \(path) lies below none that can be a storage root")
            } else if !isNew, !host.spec.storageRoots.contains(where: { path.hasPrefix($0 + "/") }) {
                refuse(
                    "pool", found.metadata.name, "\(path) lies below no storage root of Host/\(host.metadata.name)")
            } else {
                if !roots.contains(parent) { roots.append(parent) }
                add(found)
            }
        }
        if isNew, !roots.isEmpty { host.spec.storageRoots = roots }
    }

    private static func isNested(_ left: String, _ right: String) -> Bool {
        (left + "/").hasPrefix(right + "/") || (right + "/").hasPrefix(left + "/")
    }

    private mutating func add(_ found: StoragePool) {
        let name = name(.storagePool, for: found.metadata.name, or: "pool")
        pools.append(
            StoragePool(
                metadata: Metadata(name: name, uuid: found.status?.uuid),
                spec: StoragePool.Spec(hosts: [host.metadata.name], path: found.spec.folder)))
        if name != found.metadata.name {
            remark(ResourceID(.storagePool, name), "libvirt calls it \(found.metadata.name)")
        }
        if found.status?.autostart == false {
            remark(ResourceID(.storagePool, name), "does not start with the host; the first apply changes that")
        }
    }

    /// Files that exactly one machine has as a disk, and files that no machine has and whose names say what they are.
    mutating func importVolumes(of machines: [VirtualMachine]) {
        var users: [String: [(machine: String, format: Volume.Format?)]] = [:]
        for machine in machines {
            for disk in machine.spec.disks {
                if let path = disk.path { users[path, default: []].append((machine.metadata.name, disk.format)) }
            }
        }
        let below = Set(observed.adoptable.volumes.compactMap { $0.status?.backing })
        for found in observed.adoptable.volumes {
            guard let path = found.status?.path, let pool = pool(of: path) else { continue }
            if let obstacle = Self.obstacle(to: found, users[path] ?? [], isBelow: below.contains(path)) {
                refuse("file", path, obstacle)
                continue
            }
            let stem = found.metadata.name.split(separator: ".").dropLast().joined(separator: ".")
            let name = name(.volume, for: stem.isEmpty ? found.metadata.name : stem, or: "volume")
            volumes.append(
                Volume(
                    metadata: Metadata(name: name),
                    spec: Volume.Spec(
                        pool: pool, size: found.spec.size, format: found.spec.format, file: found.metadata.name)))
            if let backing = found.status?.backing {
                remark(ResourceID(.volume, name), "is a layer over \(backing), which stays as it is")
            }
        }
    }

    /// The name of the pool in whose folder a file lies directly, ours or imported.
    private func pool(of path: String) -> String? {
        let folder = String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
        return (existing.pools + pools).first { $0.spec.folder == folder }?.metadata.name
    }

    private static func obstacle(
        to volume: Volume, _ users: [(machine: String, format: Volume.Format?)], isBelow: Bool
    ) -> String? {
        let file = volume.metadata.name
        let size = volume.spec.size
        if isBelow { return "other files are layers over it" }
        if users.count > 1 { return "several domains have it: \(users.map(\.machine).joined(separator: ", "))" }
        if !Form<String>.isFileName(file) { return "no manifest can say its name" }
        if size.bytes % 1024 != 0 || !Volume.sizes.contains(size) {
            return "no manifest can say its size, \(size.bytes) bytes"
        }
        if let user = users.first {
            return user.format == volume.spec.format
                ? nil
                : "its domain reads it as \(user.format?.rawValue ?? "unknown"), libvirt as \(volume.spec.format.rawValue)"
        }
        // A logical volume is what its bytes are.
        if volume.status?.isLogical == true { return nil }
        let suffixes: [Volume.Format: [String]] = [.qcow2: [".qcow2", ".qcow"], .raw: [".raw", ".img"]]
        return suffixes[volume.spec.format]?.contains { file.lowercased().hasSuffix($0) } == true
            ? nil : "no domain has it, and its name does not say that it is \(volume.spec.format.rawValue)"
    }
}
