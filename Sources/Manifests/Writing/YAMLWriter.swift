import Model

/// Writes values as YAML: what fits on a line in flow style, the rest as blocks. Every reader of YAML 1.1 or 1.2 gets
/// the same values from it.
struct YAMLWriter {
    private static let width = 110

    private(set) var text = ""

    /// One document with its marker.
    mutating func document(_ value: JSONValue) {
        text += text.isEmpty ? "" : "---\n"
        members(value.members ?? [], indent: 0)
    }

    private mutating func members(_ members: [JSONValue.Member], indent: Int) {
        for member in members {
            pad(indent)
            Self.appendKey(member.key, to: &text)
            text += ":"
            nested(member.value, indent: indent)
        }
    }

    /// What stands behind a key.
    private mutating func nested(_ value: JSONValue, indent: Int) {
        if let line = Self.flow(value, limit: Self.width - indent) {
            text += " "
            text += line
            text += "\n"
            return
        }
        text += "\n"
        switch value {
        case .object(let inner): members(inner, indent: indent + 2)
        case .array(let items):
            for item in items {
                pad(indent + 2)
                text += "-"
                self.item(item, indent: indent + 4)
            }
        default: break
        }
    }

    /// What stands behind a hyphen.
    private mutating func item(_ value: JSONValue, indent: Int) {
        guard case .object(let inner) = value, Self.flow(value, limit: Self.width - indent) == nil else {
            nested(value, indent: indent - 2)
            return
        }
        // The first key stands beside the hyphen.
        for (index, member) in inner.enumerated() {
            if index == 0 { text += " " } else { pad(indent) }
            Self.appendKey(member.key, to: &text)
            text += ":"
            nested(member.value, indent: indent)
        }
    }

    private mutating func pad(_ count: Int) { text += String(repeating: " ", count: count) }

    /// The value on one line; nil for a collection that does not fit.
    private static func flow(_ value: JSONValue, limit: Int) -> String? {
        var line = ""
        return append(value, to: &line, limit: limit) ? line : nil
    }

    /// Appends in flow style; false as soon as a collection is too long.
    private static func append(_ value: JSONValue, to line: inout String, limit: Int) -> Bool {
        switch value {
        case .null: line += "null"
        case .bool(let bool): line += bool ? "true" : "false"
        case .int(let number): line += String(number)
        case .double(let number): line += String(number)
        case .string(let string): appendString(string, to: &line)
        case .array(let items):
            line += "["
            for (index, item) in items.enumerated() {
                if index > 0 { line += ", " }
                guard append(item, to: &line, limit: limit), line.utf8.count <= limit else { return false }
            }
            line += "]"
        case .object(let members):
            line += "{"
            for (index, member) in members.enumerated() {
                if index > 0 { line += ", " }
                appendKey(member.key, to: &line)
                line += ": "
                guard append(member.value, to: &line, limit: limit), line.utf8.count <= limit else { return false }
            }
            line += "}"
        }
        return true
    }

    private static func appendKey(_ key: String, to line: inout String) { appendString(key, to: &line) }

    private static func appendString(_ string: String, to line: inout String) {
        line += isPlain(string) ? string : quoted(string)
    }

    /// JSON's quotes, with the two characters escaped that YAML does not take as they are.
    private static func quoted(_ string: String) -> String {
        let text = JSONValue.quoted(string)
        guard text.utf8.contains(0xef) else { return text }
        return text.unicodeScalars.reduce(into: "") { result, scalar in
            switch scalar.value {
            case 0xfffe: result += "\\ufffe"
            case 0xffff: result += "\\uffff"
            default: result.unicodeScalars.append(scalar)
            }
        }
    }

    /// Whether a text can stand without quotes and is a string to every reader of YAML. It begins with a letter or a
    /// slash, or has the look of an address or a size, so it is no number; and it is none of the words with a meaning.
    private static func isPlain(_ string: String) -> Bool {
        var isFirst = true
        var last: UInt8 = 0
        var hasLetter = false
        for byte in string.utf8 {
            switch byte {
            case 0x61...0x7a, 0x41...0x5a: hasLetter = true
            case 0x2f: hasLetter = hasLetter || isFirst
            case 0x30...0x39: break
            case 0x2d, 0x2e, 0x3a, 0x5f: if isFirst { return false }
            default: return false
            }
            isFirst = false
            last = byte
        }
        guard let first = string.utf8.first, last != 0x3a, hasLetter else { return false }
        if first >= 0x30, first <= 0x39 { return !looksLikeNumber(string) }
        return string.utf8.count > 5 || !words.contains(string.lowercased())
    }

    /// Digits with letters that some reader could take for hex, octal, an exponent or a place value.
    private static func looksLikeNumber(_ string: String) -> Bool {
        string.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x2d, 0x2e, 0x3a, 0x5f, 0x78, 0x58, 0x6f, 0x4f, 0x62, 0x42: true
            case 0x61...0x66, 0x41...0x46: true
            default: false
            }
        }
    }

    private static let words: Set<String> = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"]
}
