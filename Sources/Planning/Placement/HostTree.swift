import Model

/// Some hosts, so arranged that the best for a machine is found without looking at each: a binary tree whose inner nodes
/// bound what is below them. Looking and promising take time by the logarithm of the number of hosts, mostly.
struct HostTree {
    /// What is the least or the most below a node.
    private struct Bounds {
        var cpuShare = Double.infinity
        var memoryShare = Double.infinity
        var load = -Double.infinity
        var freeCPU: UInt64 = 0
        var freeMemory: UInt64 = 0
        var freeSpace: UInt64 = 0
        var allowedCPU: UInt64 = 0
        var allowedMemory: UInt64 = 0

        mutating func join(_ other: Bounds) {
            cpuShare = min(cpuShare, other.cpuShare)
            memoryShare = min(memoryShare, other.memoryShare)
            load = max(load, other.load)
            freeCPU = max(freeCPU, other.freeCPU)
            freeMemory = max(freeMemory, other.freeMemory)
            freeSpace = max(freeSpace, other.freeSpace)
            allowedCPU = max(allowedCPU, other.allowedCPU)
            allowedMemory = max(allowedMemory, other.allowedMemory)
        }
    }

    private let hosts: [Int]
    private let scale: LoadScale
    /// The one pool that the machines use; nil when they use several, or none.
    private let pool: Int?
    private let firstLeaf: Int
    private var nodes: [Bounds]

    init(_ hosts: [Int], _ ledger: Ledger, scale: LoadScale, pool: Int?) {
        self.hosts = hosts
        self.scale = scale
        self.pool = pool
        var size = 1
        while size < hosts.count { size *= 2 }
        firstLeaf = size
        nodes = [Bounds](repeating: Bounds(), count: 2 * size)
        for (place, host) in hosts.enumerated() { nodes[size + place] = bounds(of: host, ledger) }
        for node in stride(from: size - 1, to: 0, by: -1) { join(node) }
    }

    private func bounds(of host: Int, _ ledger: Ledger) -> Bounds {
        let account = ledger.accounts[host]
        let share = scale.share(account)
        return Bounds(
            cpuShare: share.cpu, memoryShare: share.memory, load: share.cpu + share.memory, freeCPU: account.freeCPU,
            freeMemory: account.freeMemory, freeSpace: pool.map { ledger.freeSpace(in: $0, on: host) } ?? .max,
            allowedCPU: account.allowedCPU, allowedMemory: account.allowedMemory)
    }

    private mutating func join(_ node: Int) {
        var bounds = nodes[2 * node]
        bounds.join(nodes[2 * node + 1])
        nodes[node] = bounds
    }

    /// Takes over what the ledger says of a host.
    mutating func update(_ host: Int, _ ledger: Ledger) {
        guard let place = hosts.firstPlace(of: host) else { return }
        nodes[firstLeaf + place] = bounds(of: host, ledger)
        var node = (firstLeaf + place) / 2
        while node > 0 {
            join(node)
            node /= 2
        }
    }

    /// The best host for a machine, the first among equals; nil when it fits on none.
    func best(
        for need: Ledger.Need, _ ledger: Ledger, where isAllowed: (Int) -> Bool
    ) -> Int? {
        var best: (score: Double, place: Int)?
        var looks = Self.patience
        search(1, bound(1, need), need, ledger, isAllowed, &best, &looks)
        return best.map { hosts[$0.place] }
    }

    /// How many nodes are looked at, the most promising first, before the best that was found is good enough. Bounds join
    /// the least of different hosts, so that among hosts that are alike they rule out little.
    private static let patience = 192

    /// The best score that a host below a node can have; nil when none below it has enough.
    private func bound(_ node: Int, _ need: Ledger.Need) -> Double? {
        let bounds = nodes[node]
        guard bounds.freeCPU >= need.cpu, bounds.freeMemory >= need.memory,
            need.disks.allSatisfy({ bounds.freeSpace >= $0.bytes })
        else { return nil }
        return scale.score(
            need, cpuShare: bounds.cpuShare, memoryShare: bounds.memoryShare, load: bounds.load,
            allowedCPU: bounds.allowedCPU, allowedMemory: bounds.allowedMemory)
    }

    private func search(
        _ node: Int, _ bound: Double?, _ need: Ledger.Need, _ ledger: Ledger, _ isAllowed: (Int) -> Bool,
        _ best: inout (score: Double, place: Int)?, _ looks: inout Int
    ) {
        guard let bound else { return }
        looks -= 1
        if let best, bound > best.score || looks < 0 { return }
        if node >= firstLeaf {
            let place = node - firstLeaf
            if let best, bound == best.score, best.place < place { return }
            guard place < hosts.count, ledger.fits(need, on: hosts[place]), isAllowed(hosts[place]) else { return }
            best = (bound, place)
            return
        }
        // Among equals the first counts, and one that was found cannot be undercut by a later one.
        if let best, bound == best.score, best.place <= firstPlace(below: node) { return }
        let left = self.bound(2 * node, need)
        let right = self.bound(2 * node + 1, need)
        if let left, let right, right < left {
            search(2 * node + 1, right, need, ledger, isAllowed, &best, &looks)
            search(2 * node, left, need, ledger, isAllowed, &best, &looks)
        } else {
            search(2 * node, left, need, ledger, isAllowed, &best, &looks)
            search(2 * node + 1, right, need, ledger, isAllowed, &best, &looks)
        }
    }

    private func firstPlace(below node: Int) -> Int {
        var node = node
        while node < firstLeaf { node *= 2 }
        return node - firstLeaf
    }
}

extension [Int] {
    /// Where a number stands in an ascending list.
    fileprivate func firstPlace(of number: Int) -> Int? {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if self[middle] < number { low = middle + 1 } else { high = middle }
        }
        return low < count && self[low] == number ? low : nil
    }
}
