extension Array {
    /// Sorts by a key that each element is asked for once. Elements that are large values are moved once, and not for
    /// every comparison. Equal keys keep their order.
    @inlinable public mutating func sort<Key: Comparable>(key: (Element) -> Key) {
        let keys = map(key)
        let isSorted = zip(keys, keys.dropFirst()).allSatisfy { $0 <= $1 }
        if isSorted { return }
        self = keys.enumerated().sorted { $0.element < $1.element }.map { self[$0.offset] }
    }
}
