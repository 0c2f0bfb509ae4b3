/// An IPv4 or IPv6 address without a zone, as a value. Text forms are RFC 4291 and RFC 5952.
public struct IPAddress: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// 4 or 16 bytes, in network order.
    public let bytes: [UInt8]

    /// An address of 4 or 16 bytes; nil for another count.
    public init?(bytes: [UInt8]) {
        guard bytes.count == 4 || bytes.count == 16 else { return nil }
        self.bytes = bytes
    }

    /// The IPv4 address of four bytes.
    public init(ipv4 first: UInt8, _ second: UInt8, _ third: UInt8, _ fourth: UInt8) {
        bytes = [first, second, third, fourth]
    }

    /// Reads dotted IPv4 (four decimal numbers, no leading zeros) or colon-separated IPv6; nil for anything else.
    public init?(_ text: String) {
        if text.utf8.contains(UInt8(ascii: ":")) {
            guard let bytes = Self.parseIPv6(text) else { return nil }
            self.bytes = bytes
        } else {
            guard let bytes = Self.parseIPv4(text) else { return nil }
            self.bytes = bytes
        }
    }

    /// Whether it is an IPv4 address.
    public var isIPv4: Bool { bytes.count == 4 }

    /// Whether it names a group of receivers.
    public var isMulticast: Bool { isIPv4 ? bytes[0] & 0xf0 == 0xe0 : bytes[0] == 0xff }

    /// Orders IPv4 before IPv6, then by bytes.
    public static func < (left: IPAddress, right: IPAddress) -> Bool {
        left.bytes.count == right.bytes.count
            ? left.bytes.lexicographicallyPrecedes(right.bytes) : left.bytes.count < right.bytes.count
    }

    /// The canonical text.
    public var description: String {
        if isIPv4 { return "\(bytes[0]).\(bytes[1]).\(bytes[2]).\(bytes[3])" }
        let groups = stride(from: 0, to: 16, by: 2).map { UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]) }
        var best = 0..<0
        var start = 0
        while start < 8 {
            guard groups[start] == 0 else {
                start += 1
                continue
            }
            var end = start
            while end < 8, groups[end] == 0 { end += 1 }
            if end - start > best.count { best = start..<end }
            start = end
        }
        let hex = { (part: ArraySlice<UInt16>) in part.map { String($0, radix: 16) }.joined(separator: ":") }
        guard best.count > 1 else { return hex(groups[...]) }
        return hex(groups[..<best.lowerBound]) + "::" + hex(groups[best.upperBound...])
    }

    private static func parseIPv4(_ text: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        var value = -1
        var leadingZero = false
        for character in text.utf8 {
            if character == UInt8(ascii: ".") {
                guard value >= 0, bytes.count < 3 else { return nil }
                bytes.append(UInt8(value))
                value = -1
                leadingZero = false
            } else {
                guard character >= 0x30, character <= 0x39, !leadingZero else { return nil }
                leadingZero = value < 0 && character == 0x30
                value = max(value, 0) * 10 + Int(character - 0x30)
                guard value <= 255 else { return nil }
            }
        }
        guard value >= 0, bytes.count == 3 else { return nil }
        return bytes + [UInt8(value)]
    }

    private static func parseIPv6(_ text: String) -> [UInt8]? {
        let halves = text.split(separator: "::", omittingEmptySubsequences: false)
        guard halves.count <= 2, !text.contains(":::") else { return nil }
        func groups(_ half: Substring) -> [UInt8]? {
            if half.isEmpty { return [] }
            var bytes: [UInt8] = []
            let parts = half.split(separator: ":", omittingEmptySubsequences: false)
            for (index, part) in parts.enumerated() {
                if index == parts.count - 1, part.contains(".") {
                    guard let tail = parseIPv4(String(part)) else { return nil }
                    bytes += tail
                    continue
                }
                guard (1...4).contains(part.utf8.count), part.utf8.allSatisfy(isHexDigit),
                    let group = UInt16(part, radix: 16)
                else { return nil }
                bytes += [UInt8(group >> 8), UInt8(group & 0xff)]
            }
            return bytes
        }
        guard let head = groups(halves[0]) else { return nil }
        guard halves.count == 2 else { return head.count == 16 ? head : nil }
        guard let tail = groups(halves[1]), head.count + tail.count <= 14 else { return nil }
        return head + [UInt8](repeating: 0, count: 16 - head.count - tail.count) + tail
    }
}

/// A block of addresses, `10.20.0.0/24`.
public struct CIDR: Hashable, Sendable, CustomStringConvertible {
    /// The first address of the block.
    public let address: IPAddress
    /// How many leading bits are fixed.
    public let prefix: Int

    /// Reads `address/prefix`; nil for anything else, host bits that are set included.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let address = IPAddress(String(parts[0])), parts[1].utf8.allSatisfy(isDigit),
            let prefix = Int(parts[1]), prefix <= address.bytes.count * 8, parts[1] == String(prefix)
        else { return nil }
        self.address = address
        self.prefix = prefix
        guard Self.masked(address.bytes, prefix) == address.bytes else { return nil }
    }

    /// Whether the address lies in the block.
    public func contains(_ other: IPAddress) -> Bool {
        other.bytes.count == address.bytes.count && Self.masked(other.bytes, prefix) == address.bytes
    }

    /// Whether the address is one a guest can have: in the block, and in IPv4 neither its first nor its last.
    public func isHost(_ other: IPAddress) -> Bool {
        guard contains(other) else { return false }
        guard other.isIPv4, prefix < 31 else { return true }
        return other != address && other.bytes != Self.filled(address.bytes, prefix)
    }

    /// `address/prefix`.
    public var description: String { "\(address)/\(prefix)" }

    /// The prefix as a mask, `255.255.255.0`.
    public var mask: IPAddress? { IPAddress(bytes: address.bytes.indices.map { Self.mask($0, prefix) }) }

    private static func masked(_ bytes: [UInt8], _ prefix: Int) -> [UInt8] {
        bytes.enumerated().map { $1 & mask($0, prefix) }
    }

    private static func filled(_ bytes: [UInt8], _ prefix: Int) -> [UInt8] {
        bytes.enumerated().map { $1 | ~mask($0, prefix) }
    }

    private static func mask(_ index: Int, _ prefix: Int) -> UInt8 {
        let bits = min(max(prefix - index * 8, 0), 8)
        return bits == 0 ? 0 : ~UInt8(0) << UInt8(8 - bits)
    }
}

/// A 48-bit Ethernet address.
public struct MACAddress: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The six bytes in the low 48 bits, first byte highest.
    public let value: UInt64

    /// An address with those low 48 bits.
    public init(value: UInt64) { self.value = value & 0xffff_ffff_ffff }

    /// Reads six pairs of hex digits between colons; nil for anything else.
    public init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 6 else { return nil }
        var value: UInt64 = 0
        for part in parts {
            guard part.utf8.count == 2, part.utf8.allSatisfy(isHexDigit), let byte = UInt64(part, radix: 16) else {
                return nil
            }
            value = value << 8 | byte
        }
        self.value = value
    }

    /// Whether it names a group of receivers; such an address cannot be an interface's own.
    public var isMulticast: Bool { value >> 40 & 1 == 1 }

    /// Lower-case hex digits between colons.
    public var description: String {
        stride(from: 40, through: 0, by: -8).map {
            let byte = String(value >> UInt64($0) & 0xff, radix: 16)
            return byte.utf8.count == 1 ? "0" + byte : byte
        }.joined(separator: ":")
    }

    /// Orders by value.
    public static func < (left: MACAddress, right: MACAddress) -> Bool { left.value < right.value }
}

func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

func isHexDigit(_ byte: UInt8) -> Bool {
    isDigit(byte) || (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x66)
}

/// A value that has one text form, which is also how it is encoded.
public protocol TextCodable: Codable, CustomStringConvertible {
    /// Reads the text form; nil for anything else.
    init?(_ text: String)
}

extension TextCodable {
    /// Decodes the text form.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let value = Self(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a \(Self.self): \(text)")
        }
        self = value
    }

    /// Encodes the text form.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

extension IPAddress: TextCodable {}
extension CIDR: TextCodable {}
extension MACAddress: TextCodable {}
