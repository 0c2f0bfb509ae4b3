public import Model

/// Which host each machine is on. Pure and deterministic: the same manifests and observations give the same answer, in
/// whatever order they come.
public struct Placement: Sendable {
    /// The host that a machine is planned on, by identities. One that is nowhere and cannot be made is on none.
    public internal(set) var hosts: [String: String] = [:]
    /// The same of volumes with documents of their own.
    var volumes: [String: String] = [:]
    /// What is left as it is on a host, by the host's identity, with the reason.
    var held: [String: [ResourceID: String]] = [:]
    /// What is on no host and cannot be made now.
    public internal(set) var blocked: [Blocked] = []
    /// Machines for which there is no host.
    public internal(set) var problems: [Diagnostic] = []
    /// Machines that were on no host and got one, by identity.
    public internal(set) var placed: [String] = []
    /// Machines that go to another host, and those that stay although they should.
    public internal(set) var moves: [Move] = []
    /// Domains that were left where their machine is no more, with the host that it is on, by the host's identity.
    var left: [String: [String: String]] = [:]
    /// Copies of volumes that do not count, with the host of the one that does, by the host's identity.
    var strays: [String: [String: String]] = [:]
    /// Machines of which an earlier move has left something.
    var unsettled: Set<String> = []
    /// Machines that cannot move now, with the reason.
    let staying: [String: String]
    /// Machines that were on a host which is said to be off and that start elsewhere, with that host.
    private(set) var freed: [String: String] = [:]

    let whereabouts: Whereabouts
    /// What there is of snapshots, on all hosts.
    let snapshots: Snapshots
    var ledger: Ledger
    var kinship: Kinship
    var reach: Reach
    let scale: LoadScale

    /// A machine that is somewhere stays there; one that names a host is there; a new one goes to the best host that
    /// can take it.
    ///
    /// - Parameter keepsLeaving: whether machines that left the manifests stay for now, and need their room.
    public init(_ manifest: FleetManifest, observed: [String: HostInventory], keepsLeaving: Bool = false) {
        self.init(
            manifest, observed: observed, snapshots: Snapshots(manifest, observed: observed, now: nil),
            keepsLeaving: keepsLeaving, staying: [:])
    }

    /// - Parameters:
    ///   - snapshots: what there is of them, on all hosts.
    ///   - staying: machines that cannot move now, with the reason.
    init(
        _ manifest: FleetManifest, observed: [String: HostInventory], snapshots: Snapshots, keepsLeaving: Bool,
        staying: [String: String]
    ) {
        self.staying = staying
        self.snapshots = snapshots
        var manifest = manifest.fenced(observed)
        manifest.machines.orderByIdentity()
        whereabouts = Whereabouts(manifest, observed)
        ledger = Ledger(manifest, whereabouts, observed, keepsLeaving: keepsLeaving)
        reach = Reach(manifest, whereabouts, observed)
        kinship = Kinship(manifest, whereabouts, local: reach.localNetworks)
        scale = LoadScale(manifest.fleet.placement, ledger.accounts)
        // By their places: a machine is large, and touching all that it holds costs more the more there are.
        let machines = manifest.machines
        var homeless = Candidates()
        var leaving: [VirtualMachine] = []
        for place in machines.indices {
            let machine = machines[place]
            switch settle(machine) {
            case .on(let host): count(machine, on: host, &leaving)
            case .nowhere: continue
            case .anywhere: homeless.add(machine, at: place, to: &self)
            }
        }
        let users = Self.users(of: manifest)
        for volume in manifest.volumes where users[volume.metadata.identity] == nil { settle(volume, user: nil) }
        place(homeless, of: machines)
        findMoves(leaving)
        for volume in manifest.volumes {
            if let user = users[volume.metadata.identity] { settle(volume, user: user) }
        }
        blocked.sort { $0.resource < $1.resource }
        freed = whereabouts.freed.mapValues(\.host).filter { machine, left in hosts[machine].map { $0 != left } ?? false
        }
    }

    /// Counts a machine on the host where it is.
    private mutating func count(_ machine: VirtualMachine, on host: String, _ leaving: inout [VirtualMachine]) {
        hosts[machine.metadata.identity] = host
        guard let index = whereabouts.indices[host] else { return }
        if whereabouts.standings[index] == .maintenance,
            held[host]?[ResourceID(.virtualMachine, machine.metadata.identity)] == nil
        {
            leaving.append(machine)
        }
        ledger.take(ledger.need(of: machine), on: index)
        kinship.add(kinship.wishes(of: machine), on: index, isNew: false)
    }

    /// The machine that uses a volume with a document of its own, by identities.
    private static func users(of manifest: FleetManifest) -> [String: String] {
        guard !manifest.volumes.isEmpty else { return [:] }
        return manifest.machines.reduce(into: [:]) { users, machine in
            for volume in machine.spec.disks.compactMap(\.volume) { users[volume] = machine.metadata.identity }
        }
    }

    /// Leaves something on a host as it is.
    mutating func hold(_ resource: ResourceID, on host: String, _ reason: String) {
        held[host, default: [:]][resource] = reason
    }

    /// Notes that something is made nowhere now. `host` is the one that stands in the way; empty when none does.
    mutating func block(_ resource: ResourceID, by host: String, _ reason: String) {
        blocked.append(Blocked(host: host, resource: resource, reason: reason))
    }
}

extension [VirtualMachine] {
    /// Sorts by identity, which manifests mostly are already.
    fileprivate mutating func orderByIdentity() {
        let isOrdered = indices.dropFirst().allSatisfy { self[$0 - 1].metadata.identity <= self[$0].metadata.identity }
        if !isOrdered { sort { $0.metadata.identity } }
    }
}
