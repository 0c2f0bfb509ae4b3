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
        let files = host.volumes.reduce(into: [String: String]()) { files, volume in
            guard let status = volume.status, !status.staged, let mark = status.mark, mark.copy == nil,
                !mark.retained, cover(status.path)
            else { return }
            files[status.path] = volume.metadata.identity
        }
        return host.machines.reduce(into: [:]) { leased, machine in
            guard let status = machine.status, status.persistent, status.state != .saved, status.state != .paused,
                status.unmanaged.allSatisfy({ $0.hasPrefix("channel ") }), lacking(machine, leases).isEmpty,
                let volumes = machine.volumes(in: files), !volumes.isEmpty
            else { return }
            leased[machine.metadata.identity] = volumes.sorted()
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
    /// Its volumes, of what is defined and of what runs, by identity; nil when a disk is none of these files, or that of another
    /// volume.
    ///
    /// - Parameter files: the volumes, by path.
    fileprivate func volumes(in files: [String: String]) -> Set<String>? {
        var volumes: Set<String> = []
        for disk in [spec, status?.live].compactMap(\.self).flatMap(\.disks) {
            let volume = disk.volume ?? "\(metadata.identity).\(disk.name)"
            guard let path = disk.path, files[path] == volume else { return nil }
            volumes.insert(volume)
        }
        return volumes
    }
}
