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
    /// Machines that are to leave a host in maintenance.
    public internal(set) var moves: [Move] = []

    let whereabouts: Whereabouts
    var ledger: Ledger
    var kinship: Kinship
    var reach: Reach
    let scale: LoadScale

    /// A machine that is somewhere stays there; one that names a host is there; a new one goes to the best host that
    /// can take it.
    ///
    /// - Parameter keepsLeaving: whether machines that left the manifests stay for now, and need their room.
    public init(_ manifest: FleetManifest, observed: [String: HostInventory], keepsLeaving: Bool = false) {
        var manifest = manifest
        manifest.machines.orderByIdentity(\.metadata)
        whereabouts = Whereabouts(manifest, observed)
        ledger = Ledger(manifest, whereabouts, observed, keepsLeaving: keepsLeaving)
        reach = Reach(manifest, whereabouts, observed)
        kinship = Kinship(manifest, whereabouts, local: reach.localNetworks)
        scale = LoadScale(manifest.fleet.placement, ledger.accounts)
        var homeless: [VirtualMachine] = []
        var leaving: [VirtualMachine] = []
        for machine in manifest.machines {
            switch settle(machine) {
            case .on(let host):
                hosts[machine.metadata.identity] = host
                guard let index = whereabouts.indices[host] else { continue }
                if whereabouts.standings[index] == .maintenance, machine.spec.host == nil,
                    held[host]?[ResourceID(.virtualMachine, machine.metadata.identity)] == nil
                {
                    leaving.append(machine)
                }
                ledger.take(ledger.need(of: machine), on: index)
                kinship.add(kinship.wishes(of: machine), on: index, isNew: false)
            case .nowhere: continue
            case .anywhere: homeless.append(machine)
            }
        }
        let users = Self.users(of: manifest)
        for volume in manifest.volumes where users[volume.metadata.identity] == nil { settle(volume, user: nil) }
        place(homeless)
        findMoves(leaving)
        for volume in manifest.volumes {
            if let user = users[volume.metadata.identity] { settle(volume, user: user) }
        }
        blocked.sort { $0.resource < $1.resource }
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

extension Array {
    /// Sorts by identity, which manifests mostly are already.
    mutating func orderByIdentity(_ metadata: KeyPath<Element, Metadata>) {
        let isOrdered = zip(self, dropFirst()).allSatisfy {
            $0[keyPath: metadata].identity <= $1[keyPath: metadata].identity
        }
        if !isOrdered { sort { $0[keyPath: metadata].identity < $1[keyPath: metadata].identity } }
    }
}

extension StoragePool {
    /// Whether the pool is on that host.
    func isOn(host: String) -> Bool { spec.hosts.isEmpty || spec.hosts.contains(host) }
}
