import Hosts
import Model

/// A fleet's nftables table as text: what nft(8) reads, and what it lists.
///
/// Each interface has two chains, called by its link's derived name, whose comments say whose they are. A chain without
/// rules, the seal, has the digest of the whole listing in its name: nft prints rules in its own way, which differs from
/// version to version, so what it printed right after a write is what a table that nobody touched still says.
struct FirewallTable {
    let identity: Identity

    private static let seal = "seal_"
    private static let fromPrefix = "from_"
    private static let toPrefix = "to_"
    /// More than a host has interfaces; what is longer is not read.
    static let sizeLimit = 1 << 26

    /// The table as one transaction that replaces what is there.
    ///
    /// - Throws: `.surprise` for a name or a statement that could be read as anything else than one rule.
    func text(_ firewall: Firewall) throws(HostError) -> String {
        let name = identity.firewallName
        var lines = ["table bridge \(name)", "delete table bridge \(name)", "table bridge \(name) {"]
        lines.append("comment \"\(identity.firewallMark)\"")
        for port in firewall.ports {
            try check(port)
            lines += ["chain \(Self.fromPrefix)\(port.name) {", "comment \"\(port.machine)\""] + port.from + ["}"]
            lines +=
                ["chain \(Self.toPrefix)\(port.name) {", "comment \"\(port.interface) \(port.digest)\""] + port.to + [
                    "}"
                ]
        }
        lines += hook("guests_send", "prerouting priority -300", "iifname", Self.fromPrefix, firewall)
        lines += hook("guests_receive", "postrouting priority 0", "oifname", Self.toPrefix, firewall)
        return (lines + ["}"]).joined(separator: "\n") + "\n"
    }

    /// The command that says what the listing was.
    func sealing(_ listing: String) -> String {
        "add chain bridge \(identity.firewallName) \(Self.seal)\(Self.digest(listing).digest)\n"
    }

    /// Makes sense of a listing.
    ///
    /// - Throws: `.surprise` when the table carries another mark.
    func read(_ listing: String) throws(HostError) -> Firewall {
        let (digest, chains, seals) = Self.digest(listing)
        guard listing.contains("\tcomment \"\(identity.firewallMark)\"\n") else {
            throw .surprise("the nftables table bridge \(identity.firewallName) is there and not ours")
        }
        let devices = Self.devices(in: Self.joined(listing))
        var ports: [Firewall.Port] = []
        for (name, chain) in chains where name.hasPrefix(Self.fromPrefix) {
            let link = String(name.dropFirst(Self.fromPrefix.count))
            guard let to = chains[Self.toPrefix + link], let words = to.comment?.split(separator: " "),
                let machine = chain.comment, words.count == 2
            else { continue }
            ports.append(
                Firewall.Port(
                    name: link, machine: machine, interface: String(words[0]), devices: devices[link] ?? [],
                    from: chain.statements, to: to.statements, digest: String(words[1])))
        }
        return Firewall(ports: ports, isIntact: seals == [Self.seal + digest])
    }

    private func hook(
        _ chain: String, _ place: String, _ key: String, _ prefix: String, _ firewall: Firewall
    ) -> [String] {
        let jumps = firewall.ports.flatMap { port in
            port.devices.map { "\"\($0)\" : jump \(prefix)\(port.name)" }
        }
        return ["chain \(chain) {", "type filter hook \(place); policy accept;"]
            + (jumps.isEmpty ? [] : ["\(key) vmap { \(jumps.joined(separator: ", ")) }"]) + ["}"]
    }

    private func check(_ port: Firewall.Port) throws(HostError) {
        let isStatement = { (line: String) in
            !line.isEmpty && line.utf8.count < 1 << 20
                && line.utf8.allSatisfy {
                    Self.isWord($0) || " .,:/{}!=&@-_<>".utf8.contains($0)
                }
        }
        guard InterfaceName.isValid(port.name), port.devices.allSatisfy(InterfaceName.isValid),
            Name.isValid(port.machine), Name.isValid(port.interface), port.digest.utf8.allSatisfy(Self.isWord),
            (port.from + port.to).allSatisfy(isStatement)
        else { throw .surprise("not rules: \(CommandText.printable(port.title))") }
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        (byte >= 0x30 && byte <= 0x39) || (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7a)
    }
}

extension FirewallTable {
    private struct Chain {
        var comment: String?
        var statements: [String] = []
    }

    /// The digest of a listing without its seals, with its chains and the names of the seals.
    private static func digest(_ listing: String) -> (digest: String, chains: [String: Chain], seals: [String]) {
        var chains: [String: Chain] = [:]
        var seals: [String] = []
        var text = ""
        var open: String?
        for line in joined(listing).split(separator: "\n") {
            let words = line.drop { $0 == "\t" }
            if words.hasPrefix("chain "), words.hasSuffix(" {") {
                let name = String(words.dropFirst(6).dropLast(2))
                open = name
                if name.hasPrefix(seal) { seals.append(name) } else { chains[name] = Chain() }
            } else if let name = open, words != "}" {
                if words.hasPrefix("comment \"") {
                    chains[name]?.comment = String(words.dropFirst(9).dropLast())
                } else {
                    chains[name]?.statements.append(String(words))
                    // What stands in a seal was added by somebody.
                    if name.hasPrefix(seal) { text += words + "\n" }
                }
            }
            if open?.hasPrefix(seal) != true { text += sorted(line) + "\n" }
            if words == "}" { open = nil }
        }
        return (Firewall.digest(text), chains, seals)
    }

    /// nft breaks long sets into lines.
    private static func joined(_ listing: String) -> String { listing.replacing(#/,\n\s+/#, with: ", ") }

    /// The elements of a set have no order; the kernel's changes from table to table.
    private static func sorted(_ line: Substring) -> String {
        String(line).replacing(#/\{ ([^{}]*) \}/#) { match in
            match.output.1.split(separator: ", ").sorted().joined(separator: ", ")
        }
    }

    /// Which links' frames jump to which chains.
    private static func devices(in listing: String) -> [String: [String]] {
        listing.matches(of: #/"([^"]+)" : jump from_([^ ,]+)/#).reduce(into: [:]) { devices, match in
            devices[String(match.output.2), default: []].append(String(match.output.1))
        }
    }
}
