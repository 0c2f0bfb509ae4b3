import Model

/// What nft(8) lists of a table: its chains, its sets, and a digest of all of it.
struct FirewallListing {
    /// A chain and what stands in it.
    struct Chain {
        var comment: String?
        var statements: [String] = []
    }

    static let seal = "seal_"

    /// The chains by name, without the seals.
    private(set) var chains: [String: Chain] = [:]
    /// The elements of the named sets and maps, as they are printed.
    private(set) var sets: [String: [Substring]] = [:]
    /// The names of the chains that say what the listing was.
    private(set) var seals: [String] = []
    /// What the table says of itself.
    private(set) var comment: String?
    /// A digest of all but the seals.
    private(set) var digest = ""

    init(_ listing: String) {
        var text = ""
        text.reserveCapacity(listing.utf8.count)
        var chain: String?
        var set: String?
        for line in Self.lines(listing) {
            let words = line.drop { $0 == "\t" }
            if words.hasSuffix(" {"), let (kind, name) = Self.begin(words) {
                (chain, set) = kind == "chain" ? (name, nil) : (nil, name)
                if kind == "chain", name.hasPrefix(Self.seal) {
                    seals.append(name)
                } else if kind == "chain" {
                    chains[name] = Chain()
                }
            } else if words != "}" {
                if let set, words.hasPrefix("elements = { ") {
                    sets[set] = Self.elements(words.dropFirst(13).dropLast(2))
                } else if let chain {
                    add(words, to: chain, &text)
                } else if set == nil, words.hasPrefix("comment \"") {
                    comment = Self.quoted(words)
                }
            }
            if chain?.hasPrefix(Self.seal) != true {
                Self.append(line, to: &text)
            }
            if words == "}" { (chain, set) = (nil, nil) }
        }
        digest = Firewall.digest(text)
    }

    private mutating func add(_ words: Substring, to name: String, _ text: inout String) {
        if words.hasPrefix("comment \"") {
            chains[name]?.comment = Self.quoted(words)
        } else {
            chains[name]?.statements.append(String(words))
            // What stands in a seal was added by somebody.
            if name.hasPrefix(Self.seal) { text += words + "\n" }
        }
    }

    private static func quoted(_ words: Substring) -> String { String(words.dropFirst(9).dropLast()) }

    /// The kind and the name of a block that begins.
    private static func begin(_ words: Substring) -> (kind: Substring, name: String)? {
        let parts = words.split(separator: " ")
        guard parts.count == 3, ["chain", "map", "set"].contains(parts[0]) else { return nil }
        return (parts[0], String(parts[1]))
    }

    /// The lines, and those that nft broke after a comma as one.
    private static func lines(_ listing: String) -> [Substring] {
        var lines: [Substring] = []
        var broken = ""
        for line in listing.utf8.split(separator: UInt8(ascii: "\n")) {
            let isBroken = line.last == UInt8(ascii: ",")
            if broken.isEmpty, !isBroken {
                lines.append(Substring(line))
                continue
            }
            if broken.isEmpty {
                broken += Substring(line)
            } else {
                broken += " "
                broken += Substring(line.drop { $0 == 0x20 || $0 == 0x09 })
            }
            if !isBroken {
                lines.append(broken[...])
                broken = ""
            }
        }
        return broken.isEmpty ? lines : lines + [broken[...]]
    }

    private static func elements(_ text: Substring) -> [Substring] {
        let comma = UInt8(ascii: ",")
        return text.utf8.split(separator: comma).map { part in Substring(part.drop { $0 == 0x20 }) }
    }

    /// Adds a line. The elements of a set have no order; the kernel's changes from table to table.
    private static func append(_ line: Substring, to text: inout String) {
        var rest = line.utf8
        while let start = rest.firstIndex(of: UInt8(ascii: "{")),
            let end = rest[start...].firstIndex(of: UInt8(ascii: "}"))
        {
            text += Substring(rest[..<start])
            text += "{ "
            let inner = Substring(rest[rest.index(after: start)..<end])
            text += elements(inner).map { $0.utf8.last == 0x20 ? $0.dropLast() : $0 }.sorted().joined(separator: ", ")
            text += " }"
            rest = rest[rest.index(after: end)...]
        }
        text += Substring(rest)
        text += "\n"
    }
}
