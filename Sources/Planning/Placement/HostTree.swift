import Model

/// Some hosts, so arranged that the best for a machine is found without looking at each: a binary tree whose inner nodes
/// bound what is below them. Looking and promising take time by the logarithm of the number of hosts, mostly.
struct HostTree {
    /// What is the least or the most below a node.
    private struct Bounds: Equatable {
        var cpuShare = Double.infinity
        var memoryShare = Double.infinity
        var load = -Double.infinity
        /// The sum of both shares: the least of each is mostly not the same host's.
        var leastLoad = Double.infinity
        /// The first host by identity.
        var first = Int.max
        var freeCPU: UInt64 = 0
        var freeMemory: UInt64 = 0
        var freeSpace: UInt64 = 0
        /// Infinite where it is without limit.
        var allowedCPU = 0.0
        var allowedMemory = 0.0

        mutating func join(_ other: Bounds) {
            cpuShare = min(cpuShare, other.cpuShare)
            memoryShare = min(memoryShare, other.memoryShare)
            load = max(load, other.load)
            leastLoad = min(leastLoad, other.leastLoad)
            first = min(first, other.first)
            freeCPU = max(freeCPU, other.freeCPU)
            freeMemory = max(freeMemory, other.freeMemory)
            freeSpace = max(freeSpace, other.freeSpace)
            allowedCPU = max(allowedCPU, other.allowedCPU)
            allowedMemory = max(allowedMemory, other.allowedMemory)
        }
    }

    private let hosts: [Int]
    /// The leaf of each host, by host; -1 of one that is not here.
    private lazy var places = hosts.enumerated().reduce(
        into: [Int](repeating: -1, count: (hosts.max() ?? -1) + 1)
    ) { $0[$1.element] = $1.offset }
    private let scale: LoadScale
    /// The one pool that the machines use; nil when they use several, or none.
    private let pool: Int?
    private let firstLeaf: Int
    private var nodes: [Bounds]

    init(_ hosts: [Int], _ ledger: Ledger, scale: LoadScale, pool: Int?) {
        // Hosts of one size lie together, so that a node's bounds are close to what is below it.
        let hosts = hosts.sorted { left, right in
            let (one, other) = (ledger.accounts[left], ledger.accounts[right])
            if one.allowedCPU != other.allowedCPU { return one.allowedCPU < other.allowedCPU }
            if one.allowedMemory != other.allowedMemory { return one.allowedMemory < other.allowedMemory }
            return left < right
        }
        self.hosts = hosts
        self.scale = scale
        self.pool = pool
        var size = 1
        while size < hosts.count { size *= 2 }
        firstLeaf = size
        nodes = [Bounds](repeating: Bounds(), count: 2 * size)
        for (place, host) in hosts.enumerated() { nodes[size + place] = bounds(of: host, ledger) }
        for node in stride(from: size - 1, to: 0, by: -1) { nodes[node] = joined(node) }
    }

    private func bounds(of host: Int, _ ledger: Ledger) -> Bounds {
        let account = ledger.accounts[host]
        let share = scale.share(account)
        return Bounds(
            cpuShare: share.cpu, memoryShare: share.memory, load: share.cpu + share.memory,
            leastLoad: share.cpu + share.memory, first: host, freeCPU: account.freeCPU,
            freeMemory: account.freeMemory, freeSpace: pool.map { ledger.freeSpace(in: $0, on: host) } ?? .max,
            allowedCPU: LoadScale.limit(account.allowedCPU), allowedMemory: LoadScale.limit(account.allowedMemory))
    }

    private func joined(_ node: Int) -> Bounds {
        var bounds = nodes[2 * node]
        bounds.join(nodes[2 * node + 1])
        return bounds
    }

    /// Takes over what the ledger says of a host.
    mutating func update(_ host: Int, _ ledger: Ledger) {
        guard places.indices.contains(host), case let place = places[host], place >= 0 else { return }
        nodes[firstLeaf + place] = bounds(of: host, ledger)
        var node = (firstLeaf + place) / 2
        while node > 0 {
            let bounds = joined(node)
            // What is above holds as it did.
            if bounds == nodes[node] { break }
            nodes[node] = bounds
            node /= 2
        }
    }

    /// The best host for a machine, the first among equals; nil when it fits on none.
    func best(
        for need: Ledger.Need, _ ledger: Ledger, where isAllowed: (Int) -> Bool
    ) -> Int? {
        let weight = scale.weight(need)
        let space = need.disks.map(\.bytes).max() ?? 0
        // A leaf has all that decides, unless there are disks in several pools.
        let isPlain = need.disks.isEmpty || pool != nil
        var best: (score: Double, host: Int)?
        var looks = Self.patience
        // The most promising last.
        var waiting: [(node: Int, bound: Double)] = []
        waiting.reserveCapacity(32)
        if let bound = bound(1, weight, space) { waiting.append((1, bound)) }
        while let (node, bound) = waiting.popLast() {
            looks -= 1
            if let best {
                if looks < 0 { break }
                // Among equals the first counts.
                if bound > best.score || bound == best.score && best.host <= nodes[node].first { continue }
            }
            if node >= firstLeaf {
                let host = nodes[node].first
                if host < .max, isPlain || ledger.fits(need, on: host), isAllowed(host) { best = (bound, host) }
                continue
            }
            let left = self.bound(2 * node, weight, space).map { (2 * node, $0) }
            let right = self.bound(2 * node + 1, weight, space).map { (2 * node + 1, $0) }
            let isRightFirst = if let left, let right { right.1 < left.1 } else { false }
            let (later, next) = isRightFirst ? (left, right) : (right, left)
            if let later { waiting.append(later) }
            if let next { waiting.append(next) }
        }
        return best?.host
    }

    /// How many nodes are looked at, the most promising first, before the best that was found is good enough. Bounds join
    /// the least of different hosts, so that among hosts that are alike they rule out little.
    private static let patience = 96

    /// The best score that a host below a node can have; nil when none below it has enough.
    private func bound(_ node: Int, _ weight: LoadScale.Weight, _ space: UInt64) -> Double? {
        let bounds = nodes[node]
        guard bounds.freeCPU >= weight.cpu, bounds.freeMemory >= weight.memory, bounds.freeSpace >= space
        else { return nil }
        return weight.score(
            cpuShare: bounds.cpuShare, memoryShare: bounds.memoryShare, load: bounds.load,
            leastLoad: bounds.leastLoad, allowedCPU: bounds.allowedCPU, allowedMemory: bounds.allowedMemory)
    }
}
