public import Model

/// Which machines cannot run twice since each of their disks has a lease, or would have one.
public struct LeaseRules: Sendable {
    /// The folders of shared pools with leases, each with a slash at its end.
    private let folders: [String]

    /// The rules of a fleet.
    public init(_ manifest: FleetManifest) { self.init(manifest.pools) }

    /// The rules of some pools.
    init(_ pools: [StoragePool]) {
        folders = pools.filter { $0.spec.shared && $0.spec.leases }.map { $0.spec.folder + "/" }
    }

    /// Whether no pool has leases.
    public var isEmpty: Bool { folders.isEmpty }

    /// Whether a file is to have a lease while a machine runs with it.
    func cover(_ path: String) -> Bool { folders.contains { path.hasPrefix($0) } }

    /// The machines of a host that start nowhere else while they run there, by identity, each with its volumes; nil where there
    /// are no leases.
    ///
    /// One whose memory is saved is none of them: elsewhere it would start without it. Neither is one that is paused, since it has
    /// no lease until it goes on, and one with another file than that of its volume, such as a layer that a snapshot has made:
    /// elsewhere it would start from the volume's.
    public func leased(_ host: HostInventory) -> [String: [String]]? {
        guard !folders.isEmpty, let leases = host.leases, leases.obstacle == nil else { return nil }
        let files = files(of: host)
        return host.machines.reduce(into: [:]) { leased, machine in
            guard machine.isLeasable, lacking(machine, leases).isEmpty,
                let volumes = machine.volumes(if: { files[$0] == $1 }), !volumes.isEmpty
            else { return }
            leased[machine.metadata.identity] = volumes.sorted()
        }
    }

    /// Whether nothing that was seen of a host says that a machine is no longer leased with those volumes, as it was before. What
    /// could not be observed says nothing.
    public func mayHold(_ volumes: [String], of machine: String, on host: HostInventory) -> Bool {
        guard !folders.isEmpty, let leases = host.leases, leases.obstacle == nil || leases.isUnknown else {
            return false
        }
        guard let seen = host.machines.first(where: { $0.metadata.identity == machine }) else {
            let resource = ResourceID(.virtualMachine, machine)
            return host.unknown.contains {
                $0.area == .host || $0.area == .compute && ($0.resource == nil || $0.resource == resource)
            }
        }
        guard seen.isLeasable, leases.isUnknown || lacking(seen, leases).isEmpty else { return false }
        let files = files(of: host)
        let isHidden = host.unknown.contains { $0.area == .host || $0.area == .storage }
        let now = seen.volumes { path, volume in
            files[path].map { $0 == volume } ?? (isHidden && cover(path))
        }
        return !volumes.isEmpty && now?.sorted() == volumes
    }

    /// The volumes of a host that have leases while machines run with them, by path.
    private func files(of host: HostInventory) -> [String: String] {
        host.volumes.reduce(into: [:]) { files, volume in
            guard let status = volume.status, !status.staged, let mark = status.mark, mark.copy == nil,
                !mark.retained, cover(status.path)
            else { return }
            files[status.path] = volume.metadata.identity
        }
    }

    /// The disks with which a machine runs although it has no lease on them. One that is paused has none, and gets them when it
    /// goes on.
    func lacking(_ machine: VirtualMachine, _ leases: Leases) -> [String] {
        guard machine.status?.state == .running else { return [] }
        let running = machine.status?.live ?? machine.spec
        return Set(running.disks.compactMap(\.path)).filter { cover($0) && !leases.held.contains($0) }.sorted()
    }
}

extension VirtualMachine {
    /// Whether nothing but its disks' leases could let it run twice.
    fileprivate var isLeasable: Bool {
        guard let status else { return false }
        return status.persistent && status.state != .saved && status.state != .paused
            && status.unmanaged.allSatisfy { $0.hasPrefix("channel ") }
    }

    /// Its volumes, of what is defined and of what runs, by identity; nil when a disk is none of these files, or that of another
    /// volume.
    ///
    /// - Parameter isFile: whether a path is that of a volume.
    fileprivate func volumes(if isFile: (String, String) -> Bool) -> Set<String>? {
        var volumes: Set<String> = []
        for disk in [spec, status?.live].compactMap(\.self).flatMap(\.disks) {
            let volume = disk.volume ?? "\(metadata.identity).\(disk.name)"
            guard let path = disk.path, isFile(path, volume) else { return nil }
            volumes.insert(volume)
        }
        return volumes
    }
}
