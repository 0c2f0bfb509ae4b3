/// A size in bytes: memory, disks, pools. Written with a binary unit, as `80GiB`.
public struct ByteCount: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The size, in bytes.
    public var bytes: UInt64

    /// A size of that many bytes.
    public init(_ bytes: UInt64) { self.bytes = bytes }

    /// What a manifest may say, for error texts.
    public static let acceptedForm = "a whole number with a unit KiB, MiB, GiB or TiB, such as 80GiB"

    /// The largest size that is accepted, 8 EiB − 1, so that sums and libvirt's signed arithmetic stay in range.
    public static let limit = UInt64(Int64.max)

    private static let units: [(name: String, shift: UInt64)] = [
        ("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10),
    ]

    /// Reads `80GiB`; nil for anything else, a sign, a fraction, a space and an overflow included. `0` needs a unit too.
    public init?(_ text: String) {
        guard let unit = Self.units.first(where: { text.hasSuffix($0.name) }) else { return nil }
        let digits = text.utf8.dropLast(unit.name.utf8.count)
        guard !digits.isEmpty, digits.count <= 19, digits.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return nil }
        guard let count = UInt64(String(digits) ?? "") else { return nil }
        let (value, overflow) = count.multipliedReportingOverflow(by: 1 << unit.shift)
        guard !overflow, value <= Self.limit else { return nil }
        bytes = value
    }

    /// The shortest exact form: the largest unit that divides it, else bytes.
    public var description: String {
        if bytes == 0 { return "0MiB" }
        for unit in Self.units where bytes & ((1 << unit.shift) - 1) == 0 {
            return "\(bytes >> unit.shift)\(unit.name)"
        }
        return "\(bytes)B"
    }

    /// Rounded for a reader, with at most one digit after the point: `7.5GiB`.
    public var rounded: String {
        for unit in Self.units where bytes >= 1 << unit.shift {
            let tenths = (Double(bytes) / Double(UInt64(1) << unit.shift) * 10).rounded()
            let whole = Int(tenths) / 10
            let rest = Int(tenths) % 10
            return rest == 0 ? "\(whole)\(unit.name)" : "\(whole).\(rest)\(unit.name)"
        }
        return "\(bytes)B"
    }

    /// Orders by size.
    public static func < (left: ByteCount, right: ByteCount) -> Bool { left.bytes < right.bytes }

    /// The sum, held at the largest value instead of overflowing.
    public static func + (left: ByteCount, right: ByteCount) -> ByteCount {
        let (sum, overflow) = left.bytes.addingReportingOverflow(right.bytes)
        return ByteCount(overflow ? .max : sum)
    }

    /// Whole gibibytes.
    public static func gibibytes(_ count: UInt64) -> ByteCount { ByteCount(count << 30) }

    /// Whole mebibytes.
    public static func mebibytes(_ count: UInt64) -> ByteCount { ByteCount(count << 20) }
}

extension ByteCount: Codable {
    /// Decodes a number of bytes.
    public init(from decoder: any Decoder) throws {
        bytes = try decoder.singleValueContainer().decode(UInt64.self)
    }

    /// Encodes the number of bytes.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(bytes)
    }
}
