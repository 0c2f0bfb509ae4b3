import Model

extension Form where Value == JSONValue {
    /// Any mapping. Plain scalars have the types of YAML 1.2's core schema (https://yaml.org/spec/1.2.2/#103-core-schema).
    static let freeMapping = Form(
        schema: { .members([("type", .string("object"))]) },
        read: { decoding, node in
            guard decoding.tree.kind(node) == .mapping else {
                decoding.mismatch(node, "a mapping", accepted: "write {} or keys with their values")
                return nil
            }
            return decoding.free(node)
        },
        write: { $0 },
        vary: { value in
            [("", .object((value.members ?? []) + [JSONValue.Member("added", .bool(true))]))]
        })
}

extension Decoding {
    /// Longer keys could not be written back as YAML's simple keys.
    private static let keyLimit = 128

    fileprivate func free(_ node: Int) -> JSONValue? {
        switch tree.kind(node) {
        case .refused: return nil
        case .quoted: return .string(tree.string(node))
        case .plain: return freeScalar(node)
        case .sequence: return .array(items(of: node).compactMap { free($0) })
        case .mapping:
            var members: [JSONValue.Member] = []
            var seen: Set<String> = []
            for (key, child) in self.members(of: node) {
                guard isKey(key) else { continue }
                let name = tree.string(key)
                if name.utf8.count > Self.keyLimit {
                    fail(key, "key", "a key of \(name.utf8.count) bytes", help: "at most \(Self.keyLimit)")
                }
                if !seen.insert(name).inserted { duplicateKey(key) }
                if let value = free(child) { members.append(JSONValue.Member(name, value)) }
            }
            return .object(members)
        }
    }

    private func freeScalar(_ node: Int) -> JSONValue? {
        let text = tree.string(node)
        switch CoreScalar(text) {
        case .value(let value): return value
        case .notFinite:
            fail(
                node, "value", "\(Wording.quoted(text)) is a number that cannot be kept exactly",
                help: "put it into quotes")
            return nil
        }
    }
}

/// A plain scalar as YAML 1.2's core schema reads it.
enum CoreScalar {
    case value(JSONValue)
    /// A number beyond what a 64-bit integer or float holds.
    case notFinite

    init(_ text: String) {
        switch text {
        case "", "~", "null", "Null", "NULL": self = .value(.null)
        case "true", "True", "TRUE": self = .value(.bool(true))
        case "false", "False", "FALSE": self = .value(.bool(false))
        default: self = Self.number(text) ?? .value(.string(text))
        }
    }

    private static func number(_ text: String) -> CoreScalar? {
        if text.hasPrefix("0o") || text.hasPrefix("0x") {
            let digits = text.dropFirst(2)
            let radix = text.hasPrefix("0o") ? 8 : 16
            guard !digits.isEmpty, digits.allSatisfy({ $0.isASCII && $0.hexDigitValue.map { $0 < radix } == true })
            else { return nil }
            return Int(digits, radix: radix).map { .value(.int($0)) } ?? .notFinite
        }
        var rest = text[...]
        if let sign = rest.first, sign == "-" || sign == "+" { rest = rest.dropFirst() }
        if [".inf", ".Inf", ".INF"].contains(rest) || [".nan", ".NaN", ".NAN"].contains(text) { return .notFinite }
        let whole = rest.prefix { $0.isASCII && $0.isNumber }
        rest = rest.dropFirst(whole.count)
        if rest.isEmpty, !whole.isEmpty { return Int(text).map { .value(.int($0)) } ?? .notFinite }
        var fraction: Substring = ""
        if rest.first == "." {
            fraction = rest.dropFirst().prefix { $0.isASCII && $0.isNumber }
            rest = rest.dropFirst(1 + fraction.count)
        }
        guard !whole.isEmpty || !fraction.isEmpty else { return nil }
        if let mark = rest.first, mark == "e" || mark == "E" {
            rest = rest.dropFirst()
            if let sign = rest.first, sign == "-" || sign == "+" { rest = rest.dropFirst() }
            let exponent = rest.prefix { $0.isASCII && $0.isNumber }
            guard !exponent.isEmpty else { return nil }
            rest = rest.dropFirst(exponent.count)
        }
        guard rest.isEmpty else { return nil }
        let number = Double(text.hasPrefix(".") ? "0" + text : text)
        return number.map { $0.isFinite ? .value(.double($0)) : .notFinite }
    }
}
