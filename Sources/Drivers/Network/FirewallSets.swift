import Model

/// The sets and maps of a fleet's table, which hold what differs from guest to guest. Keys are links.
struct FirewallSets {
    /// What an element of a map says.
    struct Entry {
        var comment: String
        /// The chain that it jumps to; empty for a verdict.
        var target: String
    }

    /// Every set, and what it holds.
    private static let types = [
        "senders": "map senders { type ifname : verdict",
        "receivers": "map receivers { type ifname : verdict",
        "macs": "set macs { type ifname . ether_addr",
        "addresses4": "set addresses4 { type ifname . ipv4_addr",
        "addresses6": "set addresses6 { type ifname . ipv6_addr",
        "targets6": "map targets6 { type ifname : verdict",
    ]

    private var elements: [String: [String]] = [:]

    mutating func add(_ set: String, _ element: String) { elements[set, default: []].append(element) }

    /// All of them as nft(8) reads them, those without elements too.
    var lines: [String] {
        Self.types.sorted { $0.key < $1.key }.flatMap { name, type in
            let elements = elements[name].map { ["elements = { \($0.joined(separator: ", ")) }"] }
            return [type] + (elements ?? []) + ["}"]
        }
    }

    /// What a listed map says of each link: `"it1" comment "web-1" : jump sender4`.
    static func entries(_ listing: FirewallListing, _ map: String) -> [String: Entry] {
        (listing.sets[map] ?? []).reduce(into: [:]) { entries, element in
            let parts = element.utf8.split(separator: UInt8(ascii: "\""), omittingEmptySubsequences: false)
            guard parts.count == 5 else { return }
            let verdict = Substring(parts[4]).split(separator: " ")
            let target = verdict.count == 3 && verdict[1] == "jump" ? String(verdict[2]) : ""
            entries[String(Substring(parts[1]))] = Entry(comment: String(Substring(parts[3])), target: target)
        }
    }

    /// What a listed set says of each link: `"it1" . 52:00:00:00:00:01 comment "eth0 0123"`.
    static func values(_ listing: FirewallListing, _ set: String) -> [String: (value: String, comment: String?)] {
        (listing.sets[set] ?? []).reduce(into: [:]) { values, element in
            let parts = element.utf8.split(separator: UInt8(ascii: "\""), omittingEmptySubsequences: false)
            guard parts.count == 3 || parts.count == 5 else { return }
            let words = parts[2].split(separator: 0x20)
            guard words.count >= 2 else { return }
            values[String(Substring(parts[1]))] = (
                String(Substring(words[1])), parts.count == 5 ? String(Substring(parts[3])) : nil
            )
        }
    }
}
