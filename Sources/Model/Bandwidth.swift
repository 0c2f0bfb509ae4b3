/// Bits a second, in thousands of bytes: the unit in which tc(8) and libvirt set rates (their `kbps`). Written `100Mbit`.
public struct BitRate: Hashable, Sendable, Comparable, TextCodable {
    /// Thousands of bytes a second.
    public let kilobytes: Int

    /// A rate.
    public init(kilobytes: Int) { self.kilobytes = kilobytes }

    private static let units: [(name: String, kilobits: Int)] = [("Gbit", 1_000_000), ("Mbit", 1000), ("kbit", 1)]

    /// Reads `100Mbit`, a multiple of 8kbit; nil for anything else.
    public init?(_ text: String) {
        guard let unit = Self.units.first(where: { text.hasSuffix($0.name) }) else { return nil }
        let digits = text.dropLast(unit.name.count)
        guard (1...7).contains(digits.utf8.count), digits.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }),
            let count = Int(digits), count * unit.kilobits % 8 == 0, count > 0
        else { return nil }
        kilobytes = count * unit.kilobits / 8
    }

    /// The shortest exact form.
    public var description: String {
        let kilobits = kilobytes * 8
        for unit in Self.units where kilobits % unit.kilobits == 0 { return "\(kilobits / unit.kilobits)\(unit.name)" }
        return "\(kilobits)kbit"
    }

    /// Orders by rate.
    public static func < (left: BitRate, right: BitRate) -> Bool { left.kilobytes < right.kilobytes }
}

/// What of a host holds interfaces to their bandwidth.
public enum Shaping: String, CaseIterable, Codable, Sendable {
    /// The queueing disciplines that libvirt uses: htb, sfq, ingress with police.
    case queues
    /// Limits in rules of nftables, where the kernel lacks some of those.
    case rules
    /// Neither is there.
    case nothing
}

/// How much an interface may send and receive.
public struct Bandwidth: Hashable, Sendable, Codable {
    /// The limits of one direction.
    public struct Limit: Hashable, Sendable, Codable {
        /// What it may be over time.
        public var average: BitRate
        /// What it may be in a burst; as much as the average when nil.
        public var peak: BitRate?
        /// How long a burst is, in whole KiB; libvirt's choice when nil.
        public var burst: ByteCount?

        /// Limits.
        public init(average: BitRate, peak: BitRate? = nil, burst: ByteCount? = nil) {
            self.average = average
            self.peak = peak
            self.burst = burst
        }

        /// For a reader: `100Mbit, peak 200Mbit, burst 1MiB`.
        public var summary: String {
            [average.description, peak.map { "peak \($0)" }, burst.map { "burst \($0)" }].compactMap(\.self)
                .joined(separator: ", ")
        }
    }

    /// Of what the guest receives; unlimited when nil.
    public var inbound: Limit?
    /// Of what the guest sends; unlimited when nil.
    public var outbound: Limit?

    /// Limits.
    public init(inbound: Limit? = nil, outbound: Limit? = nil) {
        self.inbound = inbound
        self.outbound = outbound
    }
}
