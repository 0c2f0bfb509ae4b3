import Foundation
import Model

extension Form {
    /// A value with one text form. What stands behind `such as` in `accepted` is the schema's example. Where a text is
    /// wanted, `010` without quotes is one; `true` and `false` without quotes only with `truth`.
    static func text(
        _ what: String, accepted: String, pattern: String? = nil, limit: Int? = nil, truth: Bool = false,
        samples: [Value],
        parse: @escaping @Sendable (String) -> Value?, lenient: (@Sendable (String) -> Value?)? = nil,
        print: @escaping @Sendable (Value) -> String
    ) -> Form {
        Form(
            schema: {
                var members = plainTypes(truth: truth) { parse($0) != nil }
                if let pattern { members.append(("pattern", .string(pattern))) }
                if let limit { members.append(("maxLength", .int(limit))) }
                if let example = accepted.components(separatedBy: "such as ").dropFirst().last, parse(example) != nil {
                    members.append(("examples", .array([.string(example)])))
                }
                return .members(members)
            },
            read: { decoding, node in
                if let text = decoding.text(node), truth || decoding.mode == .inventory || !decoding.isTruth(node) {
                    if let value = parse(text) { return value }
                    if decoding.mode == .inventory, let value = lenient?(text) { return value }
                }
                decoding.mismatch(node, what, accepted: accepted)
                return nil
            },
            write: { .string(print($0)) },
            vary: { value in
                let text = print(value)
                return samples.first { print($0) != text }.map { [("", $0)] } ?? []
            })
    }

    /// The types, in JSON Schema, of what YAML readers make of such texts when they stand without quotes.
    private static func plainTypes(truth: Bool, takes: (String) -> Bool) -> [(String, JSONValue)] {
        var types = ["string"]
        if takes("0"), takes("42") { types.append(takes("1.5") ? "number" : "integer") }
        if truth { types.append("boolean") }
        let isCounted = types.count > 1 && !takes("-1")
        return [("type", types.count == 1 ? .string(types[0]) : .array(types.map { .string($0) }))]
            + (isCounted ? [("minimum", .int(0))] : [])
    }
}

extension Form where Value == ByteCount {
    /// A size with a unit, a multiple of a step.
    static func size(_ range: ClosedRange<ByteCount>, multipleOf step: ByteCount = ByteCount(1)) -> Form {
        let whole = step.bytes > 1 ? "a multiple of \(step), " : ""
        let text = Form.text(
            "a size", accepted: "write \(ByteCount.acceptedForm)", pattern: "^[0-9]{1,19}(KiB|MiB|GiB|TiB)$",
            samples: [], parse: { ByteCount($0) },
            lenient: { text in text.hasSuffix("B") ? UInt64(text.dropLast()).map { ByteCount($0) } : nil },
            print: \.description)
        return Form(
            schema: text.schema,
            read: { decoding, node in
                guard let value = text.read(decoding, node) else { return nil }
                guard decoding.mode == .manifest else { return value }
                if range.contains(value), value.bytes % step.bytes == 0 { return value }
                decoding.fail(
                    node, "size", "\(value) is not accepted here",
                    help: "write \(whole)from \(range.lowerBound) to \(range.upperBound)")
                return nil
            },
            write: text.write, vary: { [("", ByteCount($0.bytes + max(step.bytes, 1 << 20)))] })
    }
}

extension Form where Value == String {
    /// Text of a certain shape. What was observed is taken as it is.
    static func string(
        _ what: String, accepted: String, pattern: String? = nil, limit: Int? = nil, truth: Bool = false,
        samples: [String], isValid: @escaping @Sendable (String) -> Bool
    ) -> Form {
        text(
            what, accepted: accepted, pattern: pattern, limit: limit, truth: truth, samples: samples,
            parse: { isValid($0) ? $0 : nil }, lenient: { $0 }, print: { $0 })
    }

    /// A name as every kind has it.
    static let name = string(
        "a name", accepted: "use \(Name.acceptedForm)", pattern: Name.pattern, samples: ["other", "another"],
        isValid: Name.isValid)

    /// The name of a Volume, or of a disk that is declared inside a machine.
    static let volumeName = string(
        "a volume", accepted: "write the name of a Volume, or <machine>.<disk>",
        pattern: Name.pattern.replacing("$", with: "(\\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)?$"),
        samples: ["other", "other.disk"]
    ) { text in
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count <= 2 && parts.allSatisfy { Name.isValid(String($0)) }
    }

    /// What a volume was called that was deleted: its name, or `<machine>.<disk>`, or what `infra get Volume` calls a part of a snapshot.
    static let deletedVolumeName = string(
        "a deleted volume", accepted: "write the name that it had, or <machine>.<disk>",
        pattern: Name.pattern.replacing("$", with: "(\\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?){0,2}$"),
        samples: ["other", "other.disk"]
    ) { text in
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count <= 3 && parts.allSatisfy { Name.isValid(String($0)) }
    }

    /// Text that was observed.
    static let observed = string("text", accepted: "write text", samples: ["a", "b"]) { _ in true }

    /// One line of text.
    static func line(_ what: String, limit: Int) -> Form {
        string(
            what, accepted: "write one line of at most \(limit) bytes, without control characters",
            pattern: "^[^\\u0000-\\u001f\\u007f]*$", limit: limit, samples: ["changed", "changed again"]
        ) { text in
            text.utf8.count <= limit && text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7f }
        }
    }
}

extension Form where Value: TextCodable {
    /// An address in its usual text form.
    static func usual(_ what: String, accepted: String, pattern: String, samples: [String]) -> Form {
        text(
            what, accepted: accepted, pattern: pattern, samples: samples.compactMap { Value($0) }, parse: { Value($0) },
            print: \.description)
    }
}

extension Form where Value == IPAddress {
    /// The address of one machine.
    static let address = text(
        "an address", accepted: "write an IPv4 or IPv6 address of one machine, such as 10.20.0.13",
        pattern: AddressPattern.oneMachine,
        samples: [IPAddress(ipv4: 10, 20, 0, 200), IPAddress(ipv4: 10, 20, 0, 201)],
        parse: { text in IPAddress(text).flatMap { $0.isMulticast ? nil : $0 } }, lenient: { IPAddress($0) },
        print: \.description)
}

extension Form where Value == MACAddress {
    /// An interface's own Ethernet address.
    static let mac = text(
        "an Ethernet address", accepted: "write six pairs of hex digits, the first one even, such as 52:54:00:12:34:56",
        pattern: "^(?!00(:00){5}$)[0-9A-Fa-f][02468ACEace](:[0-9A-Fa-f]{2}){5}$",
        samples: [MACAddress(value: 0x5254_0000_0001), MACAddress(value: 0x5254_0000_0002)],
        parse: { text in MACAddress(text).flatMap { $0.isMulticast || $0.value == 0 ? nil : $0 } },
        lenient: { MACAddress($0) }, print: \.description)
}

extension Form where Value == CIDR {
    /// A block of addresses.
    static let cidr = usual(
        "a block of addresses", accepted: "write its first address and the prefix length, such as 10.20.0.0/24",
        pattern: AddressPattern.block,
        samples: ["10.20.0.0/16", "10.20.0.0/23"])
}

extension Form where Value == UUID {
    /// A UUID.
    static let uuid = text(
        "a UUID", accepted: "write 36 characters such as 6f0a1d52-3c0e-4b3e-9a57-0d3c9b7e5f11",
        pattern: "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$",
        samples: ["6f0a1d52-3c0e-4b3e-9a57-0d3c9b7e5f11", "6f0a1d52-3c0e-4b3e-9a57-0d3c9b7e5f12"].compactMap {
            UUID(uuidString: $0)
        },
        parse: { UUID(hex: $0) }, print: \.lowercased)
}

extension UUID {
    /// Reads what `init(uuidString:)` reads, without going through the C library's scanner.
    fileprivate init?(hex text: String) {
        var bytes: (UInt64, UInt64) = (0, 0)
        var digits = 0
        for (place, byte) in text.utf8.enumerated() {
            if place == 8 || place == 13 || place == 18 || place == 23 {
                guard byte == 0x2d else { return nil }
                continue
            }
            let digit: UInt8
            switch byte {
            case 0x30...0x39: digit = byte - 0x30
            case 0x41...0x46: digit = byte - 0x37
            case 0x61...0x66: digit = byte - 0x57
            default: return nil
            }
            if digits < 16 { bytes.0 = bytes.0 << 4 | UInt64(digit) } else { bytes.1 = bytes.1 << 4 | UInt64(digit) }
            digits += 1
        }
        guard digits == 32 else { return nil }
        self = withUnsafeBytes(of: (bytes.0.bigEndian, bytes.1.bigEndian)) {
            UUID(uuid: $0.loadUnaligned(as: uuid_t.self))
        }
    }
}
