import Model

/// How text from a manifest appears in a message: control characters escaped, long ones cut.
enum Wording {
    /// Quoted, for a value.
    static func quoted(_ text: String) -> String { "\"\(shortened(text, to: 60))\"" }

    /// Without quotes, for a name in a path.
    static func shortened(_ text: String, to limit: Int) -> String {
        var result = ""
        for (index, scalar) in text.unicodeScalars.enumerated() {
            if index == limit { return result + "…" }
            if isPrintable(scalar) {
                result.unicodeScalars.append(scalar)
            } else {
                result += "\\u{\(String(scalar.value, radix: 16))}"
            }
        }
        return result
    }

    /// Not a control, a format or a line separator: what a terminal shows as a character of its own.
    static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.value < 0x7f { return scalar.value >= 0x20 }
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: return false
        default: return true
        }
    }

    /// `a, b or c`.
    static func alternatives(_ words: [String], limit: Int = 12) -> String {
        guard words.count <= limit else {
            return words.prefix(limit).joined(separator: ", ") + " and \(words.count - limit) more"
        }
        guard let last = words.last, words.count > 1 else { return words.first ?? "" }
        return words.dropLast().joined(separator: ", ") + " or " + last
    }
}
