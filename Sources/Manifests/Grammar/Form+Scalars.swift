import Model

extension Form where Value == Bool {
    /// `true` or `false`, nothing else.
    static let boolean = Form(
        schema: { .members([("type", .string("boolean"))]) },
        read: { decoding, node in
            if decoding.tree.kind(node) == .plain {
                switch decoding.tree.string(node) {
                case "true": return true
                case "false": return false
                default: break
                }
            }
            decoding.mismatch(node, "a truth value", accepted: "write true or false")
            return nil
        },
        write: { .bool($0) }, vary: { [("", !$0)] })
}

extension Form where Value == Int {
    /// A plain decimal number in a range.
    static func integer(_ range: ClosedRange<Int>, code: String = "value") -> Form {
        Form(
            schema: {
                .members([
                    ("type", .string("integer")), ("minimum", .int(range.lowerBound)),
                    ("maximum", .int(range.upperBound)),
                ])
            },
            read: { decoding, node in
                let value = decoding.tree.kind(node) == .plain ? integer(decoding.tree, node) : nil
                if let value, range.contains(value) || decoding.mode == .inventory { return value }
                let accepted = "write a whole number from \(range.lowerBound) to \(range.upperBound), without quotes"
                if value == nil {
                    decoding.mismatch(node, "a whole number", accepted: accepted)
                } else {
                    decoding.fail(node, code, "\(decoding.tree.string(node)) is out of range", help: accepted)
                }
                return nil
            },
            write: { .int($0) },
            vary: { value in [range.contains(value + 1) ? value + 1 : value - 1].map { ("", $0) } })
    }

    private static func integer(_ tree: YAMLTree, _ node: Int) -> Int? {
        tree.withBytes(node) { bytes in
            let isNegative = bytes.first == UInt8(ascii: "-")
            let digits = isNegative ? bytes.dropFirst() : bytes[...]
            guard let first = digits.first, digits.count == 1 || first != 0x30, digits.count <= 18 else { return nil }
            var value = 0
            for digit in digits {
                guard digit >= 0x30, digit <= 0x39 else { return nil }
                value = value * 10 + Int(digit - 0x30)
            }
            return isNegative ? -value : value
        }
    }
}

extension Form where Value == Double {
    /// A ratio such as 1.25.
    static let ratio = Form(
        schema: {
            .members([("type", .string("number")), ("exclusiveMinimum", .int(0)), ("maximum", .int(1000))])
        },
        read: { decoding, node in
            if decoding.tree.kind(node) == .plain {
                let text = decoding.tree.string(node)
                let parts = text.split(separator: ".", omittingEmptySubsequences: false)
                let isDecimal =
                    parts.count <= 2 && text.utf8.count <= 20
                    && parts.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy { $0 >= 0x30 && $0 <= 0x39 } }
                if isDecimal || decoding.mode == .inventory, let value = Double(text),
                    value > 0 && value <= 1000 || decoding.mode == .inventory
                {
                    return value
                }
            }
            decoding.mismatch(node, "a ratio", accepted: "write a decimal number above 0 and up to 1000, such as 1.25")
            return nil
        },
        write: { .double($0) }, vary: { [("", $0 + 0.25)] })
}

extension Form where Value: RawRepresentable & CaseIterable & Equatable, Value.RawValue == String {
    /// One of the words of an enumeration. Words of later versions are told apart from mistakes.
    static func word(reserved: [String] = []) -> Form {
        let words = Value.allCases.map(\.rawValue)
        return Form(
            schema: { .members([("type", .string("string")), ("enum", .array(words.map { .string($0) }))]) },
            read: { decoding, node in
                let text = decoding.text(node)
                if let text, let value = Value(rawValue: text) { return value }
                let accepted = "write \(Wording.alternatives(words))"
                if let text, reserved.contains(where: { $0 == text || $0.hasSuffix(":") && text.hasPrefix($0) }) {
                    decoding.fail(
                        node, "unsupported", "\(Wording.quoted(text)) is not in this version", help: accepted)
                } else {
                    let guess =
                        text.flatMap { Spelling.nearest(to: $0, in: words) }.map { "did you mean \($0)? " } ?? ""
                    decoding.mismatch(node, "one of the accepted words", accepted: guess + accepted)
                }
                return nil
            },
            write: { .string($0.rawValue) },
            vary: { value in Value.allCases.filter { $0 != value }.map { ("", $0) } })
    }
}

extension Decoding {
    /// Whether YAML 1.2's core schema reads a value as true or false.
    func isTruth(_ node: Int) -> Bool {
        tree.kind(node) == .plain
            && ["true", "True", "TRUE", "false", "False", "FALSE"].contains(tree.string(node))
    }
}
