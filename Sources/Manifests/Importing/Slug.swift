import Model

/// Names for what has names that are none of ours.
public struct Slugs {
    private var taken: Set<String>

    /// Names that are given already.
    public init(taken: some Sequence<String> = []) { self.taken = Set(taken) }

    /// The letters and digits of a text, with hyphens for the rest, and a number where that name is given already.
    ///
    /// - Parameter fallback: for a text without any.
    public mutating func name(for text: String, or fallback: String) -> String {
        var slug = ""
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x61...0x7a: slug.unicodeScalars.append(Unicode.Scalar(byte))
            case 0x41...0x5a: slug.unicodeScalars.append(Unicode.Scalar(byte + 0x20))
            default: if !slug.isEmpty, !slug.hasSuffix("-") { slug += "-" }
            }
            if slug.utf8.count == 56 { break }
        }
        slug = String(slug.prefix(56))
        while slug.hasSuffix("-") { slug.removeLast() }
        if slug.isEmpty { slug = fallback }
        var name = slug
        var number = 2
        while !taken.insert(name).inserted {
            name = "\(slug)-\(number)"
            number += 1
        }
        return name
    }
}
