/// A set of hosts, each by its place among the fleet's hosts in the order of their identities.
struct HostSet: Hashable {
    private var words: [UInt64]

    /// No host of so many.
    init(of count: Int) { words = [UInt64](repeating: 0, count: (count + 63) / 64) }

    /// The hosts of so many for which something holds.
    init(of count: Int, where holds: (Int) -> Bool) {
        self.init(of: count)
        for host in 0..<count where holds(host) { insert(host) }
    }

    var isEmpty: Bool { words.allSatisfy { $0 == 0 } }
    var count: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }

    func contains(_ host: Int) -> Bool { words[host / 64] & 1 << UInt64(host % 64) != 0 }

    mutating func insert(_ host: Int) { words[host / 64] |= 1 << UInt64(host % 64) }

    mutating func remove(_ host: Int) { words[host / 64] &= ~(1 << UInt64(host % 64)) }

    mutating func formIntersection(_ other: HostSet) {
        for index in words.indices { words[index] &= other.words[index] }
    }

    mutating func formUnion(_ other: HostSet) {
        for index in words.indices { words[index] |= other.words[index] }
    }

    /// The hosts in ascending order.
    var members: [Int] {
        var result: [Int] = []
        for (index, word) in words.enumerated() {
            var rest = word
            while rest != 0 {
                result.append(index * 64 + rest.trailingZeroBitCount)
                rest &= rest - 1
            }
        }
        return result
    }
}
