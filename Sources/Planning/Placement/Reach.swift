import Model

/// What hosts can take of what does not change while machines are placed: which pools, networks, labels and
/// accelerators they have.
struct Reach {
    /// What a machine needs of its host beside room.
    struct Wants: Hashable {
        var pools: [String]
        var networks: [String]
        var labels: LabelSelector
        var needsKVM: Bool
    }

    private let whereabouts: Whereabouts
    private let observed: [String: HostInventory]
    private let networks: [String: Network]
    private let pools: [String: StoragePool]
    private let open: HostSet
    /// Networks without a tunnel: the bridges of different hosts are not joined.
    let localNetworks: Set<String>
    private var poolSets: [String: HostSet] = [:]
    private var networkSets: [String: HostSet] = [:]
    private var labelSets: [LabelSelector: HostSet] = [:]
    private let kvm: HostSet
    /// Those that take leases.
    private let leasing: HostSet
    private var known: [Wants: HostSet] = [:]

    init(_ manifest: FleetManifest, _ whereabouts: Whereabouts, _ observed: [String: HostInventory]) {
        self.whereabouts = whereabouts
        self.observed = observed
        networks = manifest.networks.reduce(into: [:]) { $0[$1.metadata.identity] = $1 }
        pools = manifest.pools.reduce(into: [:]) { $0[$1.metadata.identity] = $1 }
        let count = whereabouts.hosts.count
        open = HostSet(of: count) { whereabouts.standings[$0] == .ready }
        kvm = HostSet(of: count) { host in
            let host = whereabouts.hosts[host]
            let status = observed[host.metadata.identity]?.host.status
            return (host.spec.accelerator.choice ?? status?.accelerator) == .kvm
        }
        leasing = HostSet(of: count) { host in
            observed[whereabouts.hosts[host].metadata.identity]?.leaseObstacle == nil
        }
        let bridges =
            manifest.networks.contains { $0.spec.vxlan == nil && $0.spec.bridgeName != nil }
            ? whereabouts.hosts.map { observed[$0.metadata.identity]?.bridges ?? [] } : []
        var local: Set<String> = []
        for network in manifest.networks where network.spec.vxlan == nil {
            let id = network.metadata.identity
            // Somebody's bridge may well be joined to others by a wire, which is not ours to know.
            if let name = network.spec.bridgeName, bridges.contains(where: { $0.contains(name) }) {
                networkSets[id] = HostSet(of: count) { bridges[$0].contains(name) }
            } else {
                networkSets[id] = HostSet(of: count) { _ in true }
                local.insert(id)
            }
        }
        localNetworks = local
    }

    /// What a machine needs of its host.
    func wants(of machine: VirtualMachine, pools: [String]) -> Wants {
        Wants(
            pools: pools, networks: networks(of: machine),
            labels: machine.spec.placement.hostSelector, needsKVM: machine.spec.accelerator == .kvm)
    }

    /// The networks that a machine is in, sorted, each once.
    private func networks(of machine: VirtualMachine) -> [String] {
        let networks = machine.spec.interfaces.compactMap(\.network)
        return networks.count < 2 ? networks : Set(networks).sorted()
    }

    /// The hosts that have it and take new machines.
    mutating func hosts(for wants: Wants) -> HostSet {
        if let set = known[wants] { return set }
        var set = open
        for pool in wants.pools {
            set.formIntersection(hosts(ofPool: pool))
            if pools[pool]?.spec.leases == true { set.formIntersection(leasing) }
        }
        for network in wants.networks { set.formIntersection(hosts(ofNetwork: network)) }
        if !wants.labels.isEmpty { set.formIntersection(hosts(with: wants.labels)) }
        if wants.needsKVM { set.formIntersection(kvm) }
        known[wants] = set
        return set
    }

    /// Whether a host has a pool.
    mutating func has(_ pool: String, _ host: Int) -> Bool { hosts(ofPool: pool).contains(host) }

    private mutating func hosts(ofPool id: String) -> HostSet {
        if let set = poolSets[id] { return set }
        var set = HostSet(of: whereabouts.hosts.count) { _ in pools[id]?.spec.hosts.isEmpty == true }
        for host in pools[id]?.spec.hosts ?? [] { if let index = whereabouts.indices[host] { set.insert(index) } }
        poolSets[id] = set
        return set
    }

    private mutating func hosts(ofNetwork id: String) -> HostSet {
        if let set = networkSets[id] { return set }
        let set = HostSet(of: whereabouts.hosts.count) { whereabouts.hosts[$0].spec.underlay != nil }
        networkSets[id] = set
        return set
    }

    private mutating func hosts(with labels: LabelSelector) -> HostSet {
        if let set = labelSets[labels] { return set }
        let set = HostSet(of: whereabouts.hosts.count) { host in
            labels.allSatisfy { whereabouts.hosts[host].metadata.labels[$0.key] == $0.value }
        }
        labelSets[labels] = set
        return set
    }

    /// What a host lacks of it.
    mutating func obstacles(_ wants: Wants, on host: Int) -> [Obstacle] {
        let standing: [Obstacle] =
            switch whereabouts.standings[host] {
            case .ready: []
            case .maintenance: [.maintenance]
            case .offline: [.offline]
            case .unknown(let reason): [.unknown(reason)]
            }
        return standing + lacks(wants, host)
    }

    /// What a host lacks of it, whether it takes new machines or not.
    mutating func lacks(_ wants: Wants, _ host: Int) -> [Obstacle] {
        var found: [Obstacle] = []
        for pool in wants.pools where !hosts(ofPool: pool).contains(host) { found.append(.noPool(pool)) }
        for pool in wants.pools where pools[pool]?.spec.leases == true {
            guard hosts(ofPool: pool).contains(host), whereabouts.standings[host] == .ready,
                let obstacle = observed[whereabouts.hosts[host].metadata.identity]?.leaseObstacle
            else { continue }
            found.append(.noLeases(pool: pool, obstacle))
        }
        for network in wants.networks where !hosts(ofNetwork: network).contains(host) {
            found.append(
                networks[network]?.spec.vxlan == nil ? .noBridge(network: network) : .noUnderlay(network: network))
        }
        let labels = whereabouts.hosts[host].metadata.labels
        for (name, value) in wants.labels.sorted(by: { $0.key < $1.key }) where labels[name] != value {
            found.append(.noLabel(name, value))
        }
        if wants.needsKVM, !kvm.contains(host) {
            let status = observed[whereabouts.hosts[host].metadata.identity]?.host.status
            found.append(.noKVM(status?.acceleratorReason ?? ""))
        }
        return found
    }
}

extension HostInventory {
    /// The names of the bridges that are there, whoever made them.
    fileprivate var bridges: Set<String> {
        Set(
            (networks + adoptable.networks).compactMap { $0.status?.bridge?.name }
                + foreign.filter { $0.kind == .link && $0.vni == nil }.map(\.name))
    }
}
