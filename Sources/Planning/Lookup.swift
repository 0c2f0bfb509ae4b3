import Model

/// The manifests with their references at hand.
struct Lookup {
    let fleet: FleetManifest
    let pools: [String: StoragePool]
    let images: [String: Image]
    let networks: [String: Network]
    let volumes: [String: Volume]
    /// The declared addresses of the members of security groups, sorted, by network and group.
    let members: [String: [String: [IPAddress]]]
    /// The fixed leases of networks that serve DHCP, sorted by address.
    let leases: [String: [Network.Service.Lease]]

    init(_ fleet: FleetManifest) {
        self.fleet = fleet
        pools = fleet.pools.reduce(into: [:]) { $0[$1.metadata.identity] = $1 }
        images = fleet.images.reduce(into: [:]) { $0[$1.metadata.identity] = $1 }
        networks = fleet.networks.reduce(into: [:]) { $0[$1.metadata.identity] = $1 }
        volumes = fleet.volumes.reduce(into: [:]) { $0[$1.metadata.identity] = $1 }
        var members: [String: [String: [IPAddress]]] = [:]
        for interface in fleet.machines.lazy.flatMap(\.spec.interfaces) where !interface.securityGroups.isEmpty {
            guard let network = interface.network, let address = interface.address else { continue }
            for group in interface.securityGroups { members[network, default: [:]][group, default: []].append(address) }
        }
        leases = Self.leases(fleet)
        self.members = members.mapValues { $0.mapValues { $0.sorted() } }
    }

    /// The directory pool that has images, kernels and seeds for what lies in a pool; nil when none is declared.
    func files(of pool: StoragePool) -> StoragePool? {
        switch pool.spec.backend {
        case .directory, .nfs: pool
        case .lvm(let lvm): lvm.images.flatMap { pools[$0] }
        case .iscsi, .rbd: nil
        }
    }
}
