/// SplitMix64 (https://prng.di.unimi.it/splitmix64.c): the same numbers for the same seed, on every machine.
public struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    /// The numbers of a seed.
    public init(seed: UInt64) { state = seed }

    /// The next number.
    public mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }

    /// True once in so many times.
    public mutating func chance(_ times: Int) -> Bool { Int.random(in: 0..<times, using: &self) == 0 }

    /// One of the values.
    public mutating func pick<Value>(_ first: Value, _ others: Value...) -> Value {
        others.randomElement(using: &self).flatMap { chance(others.count + 1) ? nil : $0 } ?? first
    }

    /// One of a collection's elements; nil of an empty one.
    public mutating func pick<Values: Collection>(from values: Values) -> Values.Element? {
        values.randomElement(using: &self)
    }
}
