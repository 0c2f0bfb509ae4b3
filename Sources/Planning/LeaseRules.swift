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

    /// Whether a file is to have a lease while a machine runs with it.
    func cover(_ path: String) -> Bool { folders.contains { path.hasPrefix($0) } }

    /// The machines of a host that start nowhere else while they run there, by identity, sorted; nil where there are no leases.
    ///
    /// One whose memory is saved is none of them: elsewhere it would start without it.
    public func leased(_ host: HostInventory) -> [String]? {
        guard !folders.isEmpty, let leases = host.leases, leases.obstacle == nil else { return nil }
        return host.machines.filter { machine in
            let disks = machine.disks
            guard let status = machine.status, status.persistent, status.state != .saved, !disks.isEmpty,
                status.unmanaged.allSatisfy({ $0.hasPrefix("channel ") })
            else { return false }
            return disks.allSatisfy(cover) && lacking(machine, leases).isEmpty
        }.map(\.metadata.identity).sorted()
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
    /// The files of its disks, of what is defined and of what runs; one without a path is none that anybody knows.
    fileprivate var disks: Set<String> {
        Set([spec, status?.live].compactMap(\.self).flatMap { $0.disks.map { $0.path ?? "" } })
    }
}
