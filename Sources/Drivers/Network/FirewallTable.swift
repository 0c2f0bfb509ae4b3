import Hosts
import Model

/// A fleet's nftables table as text: what nft(8) reads, and what it lists.
///
/// A table has each rule that holds for many guests once, and what differs from guest to guest in sets: a host with a
/// thousand guests has a handful of rules. Two maps say for each link to which chain its frames go; the comments of
/// their elements say whose link it is. An interface has a chain of its own for what it receives, where that is not
/// everything. A chain without rules, the seal, has the digest of the whole listing in its name: nft prints rules in its
/// own way, which differs from version to version, so what it printed right after a write is what a table that nobody
/// touched still says.
struct FirewallTable {
    let identity: Identity

    private static let fromPrefix = "from_"
    private static let senderJump = "jump sender"
    private static let toPrefix = "to_"
    private static let targetPrefix = "target_"
    /// More than a host has interfaces; what is longer is not read.
    static let sizeLimit = 1 << 26

    /// What all senders are held to, those with an IPv4 address, those with an IPv6 address: `Firewall.Sender`'s
    /// statements, with its values in sets.
    private static let senders = [
        "chain sender {",
        "iifname . ether saddr != @macs drop",
        "ether type { 8021q, 8021ad } drop",
        "iifname . arp saddr ether != @macs drop",
        "udp sport { 67, 547 } drop",
        "icmpv6 type { nd-router-advert, nd-redirect } drop",
        "}",
        "chain sender4 {",
        "jump sender",
        "arp saddr ip != 0.0.0.0 iifname . arp saddr ip != @addresses4 drop",
        "ip saddr 0.0.0.0 udp sport 68 udp dport 67 accept",
        "iifname . ip saddr != @addresses4 drop",
        "ip6 saddr != { ::, fe80::/10 } drop",
        "icmpv6 type nd-neighbor-advert @th,64,16 & 0xffc0 != 0xfe80 drop",
        "ether type != { ip, arp, 0x8035, ip6 } drop",
        "}",
        "chain sender6 {",
        "jump sender",
        "arp saddr ip != 0.0.0.0 drop",
        "ip saddr 0.0.0.0 udp sport 68 udp dport 67 accept",
        "ether type ip drop",
        "ip6 saddr != { ::, fe80::/10 } iifname . ip6 saddr != @addresses6 drop",
        // nft cannot look up the target of a neighbour advertisement together with the link.
        "icmpv6 type nd-neighbor-advert @th,64,16 & 0xffc0 != 0xfe80 iifname vmap @targets6",
        "ether type != { ip, arp, 0x8035, ip6 } drop",
        "}",
    ]

    /// The table as one transaction that replaces what is there.
    ///
    /// - Throws: `.surprise` for a name or a statement that could be read as anything else than one rule.
    func text(_ firewall: Firewall) throws(HostError) -> String {
        let name = identity.firewallName
        var chains: [String] = []
        var sets = FirewallSets()
        for port in firewall.ports {
            try check(port)
            let sender = port.sender
            var from = sender.map { Self.senderJump + ($0.address.map { $0.isIPv4 ? "4" : "6" } ?? "") }
            if !port.from.isEmpty {
                let rules = port.from + [from].compactMap(\.self)
                from = "jump \(Self.fromPrefix)\(port.name)"
                chains += ["chain \(Self.fromPrefix)\(port.name) {"] + rules + ["}"]
            }
            var to = "return"
            if !port.to.isEmpty {
                to = "jump \(Self.toPrefix)\(port.name)"
                chains += ["chain \(Self.toPrefix)\(port.name) {"] + port.to + ["}"]
            }
            let target = "\(Self.targetPrefix)\(port.name)"
            if let address = sender?.address, !address.isIPv4 {
                chains += ["chain \(target) {", "@th,64,128 != 0x\(address.bytes.hexDigits) drop", "}"]
            }
            for device in port.devices {
                sets.add("senders", "\"\(device)\" comment \"\(port.machine)\" : \(from ?? "return")")
                let words = "comment \"\(port.interface) \(port.digest)\""
                // What says nothing of its own is left out: a host with a thousand guests has a thousand of each.
                if sender == nil || !port.to.isEmpty { sets.add("receivers", "\"\(device)\" \(words) : \(to)") }
                guard let sender else { continue }
                sets.add("macs", "\"\(device)\" . \(sender.mac) \(words)")
                guard let address = sender.address else { continue }
                sets.add(address.isIPv4 ? "addresses4" : "addresses6", "\"\(device)\" . \(address)")
                if !address.isIPv4 { sets.add("targets6", "\"\(device)\" : jump \(target)") }
            }
        }
        let lines =
            ["table bridge \(name)", "delete table bridge \(name)", "table bridge \(name) {"]
            + ["comment \"\(identity.firewallMark)\""] + sets.lines + chains + Self.senders
            + ["chain guests_send {", "type filter hook prerouting priority -300; policy accept;"]
            + ["iifname vmap @senders", "}"]
            + ["chain guests_receive {", "type filter hook postrouting priority 0; policy accept;"]
            + ["oifname vmap @receivers", "}", "}"]
        return lines.joined(separator: "\n") + "\n"
    }

    /// The command that says what the listing was.
    func sealing(_ listing: String) -> String {
        "add chain bridge \(identity.firewallName) \(FirewallListing.seal)\(FirewallListing(listing).digest)\n"
    }

    /// Makes sense of a listing.
    ///
    /// - Throws: `.surprise` when the table carries another mark.
    func read(_ text: String) throws(HostError) -> Firewall {
        let listing = FirewallListing(text)
        guard listing.comment == identity.firewallMark else {
            throw .surprise("the nftables table bridge \(identity.firewallName) is there and not ours")
        }
        let receivers = FirewallSets.entries(listing, "receivers")
        let macs = FirewallSets.values(listing, "macs")
        let addresses = FirewallSets.values(listing, "addresses4").merging(
            FirewallSets.values(listing, "addresses6")
        ) { first, _ in first }
        var ports: [String: Firewall.Port] = [:]
        for (device, entry) in FirewallSets.entries(listing, "senders") {
            let receiver = receivers[device]
            guard let words = (receiver?.comment ?? macs[device]?.comment)?.split(separator: " "), words.count == 2
            else { continue }
            let (machine, interface) = (entry.comment, String(words[0]))
            let name = identity.deviceName(machine: machine, interface: interface)
            if let known = ports[name] {
                ports[name]?.devices = (known.devices + [device]).sorted()
                continue
            }
            let mac = macs[device].flatMap { MACAddress($0.value) }
            let isOwn = entry.target.hasPrefix(Self.fromPrefix)
            let from = isOwn ? listing.chains[entry.target]?.statements ?? [] : []
            ports[name] = Firewall.Port(
                name: name, machine: machine, interface: interface, devices: [device],
                from: from.filter { !$0.hasPrefix(Self.senderJump) },
                sender: mac.map {
                    Firewall.Sender(mac: $0, address: addresses[device].flatMap { IPAddress($0.value) })
                },
                to: receiver.flatMap { listing.chains[$0.target]?.statements } ?? [], digest: String(words[1]))
        }
        return Firewall(
            ports: Array(ports.values), isIntact: listing.seals == [FirewallListing.seal + listing.digest])
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
