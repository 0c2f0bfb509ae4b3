/// Text of other programs, made fit for errors and terminals.
package enum CommandText {
    /// The first lines, by default five of them and at most 600 characters, safe to print.
    package static func firstLines(_ bytes: [UInt8], lines count: Int = 5, characters: Int = 600) -> String {
        let lines = String(decoding: bytes.prefix(4096), as: UTF8.self)
            .split(whereSeparator: \.isNewline).prefix(count)
            .map { printable(String($0)).trimmingSuffix(while: { $0 == " " }) }
        return String(lines.joined(separator: "; ").prefix(characters))
    }

    /// The text with every control and direction-changing character written as `\u{1b}`.
    package static func printable(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .surrogate, .unassigned:
                result += "\\u{" + String(scalar.value, radix: 16) + "}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}

extension String {
    fileprivate func trimmingSuffix(while condition: (Character) -> Bool) -> String {
        var text = self[...]
        while let last = text.last, condition(last) { text.removeLast() }
        return String(text)
    }
}
