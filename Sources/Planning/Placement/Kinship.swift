import Model

/// Which hosts have machines that others are to be beside, or not to be beside.
struct Kinship {
    /// What a machine of the fleet asks of the others on its host.
    struct Wishes {
        /// The terms that its own labels match.
        var matched: [Int] = []
        var affinity: [Int] = []
        var antiAffinity: [Int] = []
        /// Networks that stay on their host.
        var networks: [String] = []

        var isEmpty: Bool { matched.isEmpty && affinity.isEmpty && antiAffinity.isEmpty && networks.isEmpty }
        /// Whether its place depends on where others are.
        var follows: Bool { !affinity.isEmpty || !networks.isEmpty }
    }

    /// Every selector of an affinity or anti-affinity, each once.
    let terms: [LabelSelector]
    private let indices: [LabelSelector: Int]
    /// The terms that name a label with its value, under one label of each.
    private let byLabel: [Label: [Int]]
    private let localNetworks: Set<String>
    private let hostCount: Int
    private var present: [Int: HostSet] = [:]
    private var kept: [Int: HostSet] = [:]
    /// Where machines are that follow somebody who is nowhere yet.
    private var awaited: [Int: HostSet] = [:]
    private var carried: [String: HostSet] = [:]

    private struct Label: Hashable {
        let name: String
        let value: String
    }

    init(_ manifest: FleetManifest, _ whereabouts: Whereabouts, local: Set<String>) {
        hostCount = whereabouts.hosts.count
        localNetworks = local
        var terms: [LabelSelector] = []
        var indices: [LabelSelector: Int] = [:]
        var byLabel: [Label: [Int]] = [:]
        let machines = manifest.machines
        for place in machines.indices {
            for term in machines[place].spec.placement.affinity + machines[place].spec.placement.antiAffinity
            where indices[term] == nil {
                indices[term] = terms.count
                if let name = term.keys.min(), let value = term[name] {
                    byLabel[Label(name: name, value: value), default: []].append(terms.count)
                }
                terms.append(term)
            }
        }
        self.terms = terms
        self.indices = indices
        self.byLabel = byLabel
        for network in manifest.networks where local.contains(network.metadata.identity) {
            let hosts = network.spec.namedHosts.compactMap { whereabouts.indices[$0] }
            guard !hosts.isEmpty else { continue }
            carried[network.metadata.identity] = HostSet(of: hostCount) { hosts.contains($0) }
        }
    }

    /// What a machine asks of the others.
    func wishes(of machine: VirtualMachine) -> Wishes {
        var wishes = Wishes()
        if !localNetworks.isEmpty {
            wishes.networks = machine.spec.interfaces.compactMap(\.network).filter(localNetworks.contains)
        }
        guard !terms.isEmpty else { return wishes }
        wishes.affinity = machine.spec.placement.affinity.compactMap { indices[$0] }
        wishes.antiAffinity = machine.spec.placement.antiAffinity.compactMap { indices[$0] }
        for (name, value) in machine.metadata.labels {
            for term in byLabel[Label(name: name, value: value)] ?? []
            where terms[term].allSatisfy({ machine.metadata.labels[$0.key] == $0.value }) {
                wishes.matched.append(term)
            }
        }
        wishes.matched.sort()
        return wishes
    }

    /// Notes that a machine is on a host. One that was there before waits for nobody.
    mutating func add(_ wishes: Wishes, on host: Int, isNew: Bool) {
        guard !wishes.isEmpty else { return }
        for term in wishes.matched { awaited[term]?.remove(host) }
        for term in wishes.affinity where isNew && present[term] == nil {
            awaited[term, default: HostSet(of: hostCount)].insert(host)
        }
        for term in wishes.matched { present[term, default: HostSet(of: hostCount)].insert(host) }
        for term in wishes.antiAffinity { kept[term, default: HostSet(of: hostCount)].insert(host) }
        for network in wishes.networks { carried[network, default: HostSet(of: hostCount)].insert(host) }
    }

    /// Whether a machine may not be on a host because of others there.
    func excludes(_ host: Int, _ wishes: Wishes) -> Bool {
        for term in wishes.antiAffinity where present[term]?.contains(host) == true { return true }
        for term in wishes.matched where kept[term]?.contains(host) == true { return true }
        return false
    }

    /// The hosts that a machine may not be on because of others; nil when there are none.
    func excluded(_ wishes: Wishes) -> HostSet? {
        var result: HostSet?
        for set in wishes.antiAffinity.compactMap({ present[$0] }) + wishes.matched.compactMap({ kept[$0] }) {
            if result == nil { result = set } else { result?.formUnion(set) }
        }
        return result
    }

    /// The hosts among which others leave a choice; nil when nobody it follows, and nobody who waits for it, is anywhere.
    func required(_ wishes: Wishes) -> HostSet? {
        var result: HostSet?
        for set in wishes.affinity.compactMap({ present[$0] ?? awaited[$0] })
            + wishes.matched.compactMap({ awaited[$0].flatMap { $0.isEmpty ? nil : $0 } })
            + wishes.networks.compactMap({ carried[$0] })
        {
            if result == nil { result = set } else { result?.formIntersection(set) }
        }
        return result
    }

    /// Why a machine may not be on a host because of others.
    func obstacles(_ wishes: Wishes, on host: Int) -> [Obstacle] {
        wishes.antiAffinity.filter { present[$0]?.contains(host) == true }.map { .keepsAway(terms[$0]) }
            + wishes.matched.filter { kept[$0]?.contains(host) == true && !wishes.antiAffinity.contains($0) }.map {
                .keptAway(terms[$0])
            }
            + wishes.affinity.filter { present[$0]?.contains(host) == false }.map { .alone(terms[$0]) }
            + wishes.matched.filter { awaited[$0].map { !$0.isEmpty && !$0.contains(host) } ?? false }.map {
                .awaited(terms[$0])
            }
            + wishes.networks.filter { carried[$0]?.contains(host) == false }.map { .networkElsewhere($0) }
    }
}
