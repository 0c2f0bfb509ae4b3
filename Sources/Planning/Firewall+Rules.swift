import Model

extension Firewall.Port {
    /// The rules of an interface that is placed; nil for one whose frames nobody looks at.
    ///
    /// - Parameter links: What the running interface is called, if not as its definition says.
    init?(
        _ interface: VirtualMachine.Interface, of machine: String, links: [String], network: Network,
        members: [String: [IPAddress]], identity: Identity
    ) {
        guard interface.isFiltered, let mac = interface.mac else { return nil }
        let name = identity.deviceName(machine: machine, interface: interface.name)
        let groups = network.spec.securityGroups.filter { interface.securityGroups.contains($0.name) }
        self.init(
            name: name, machine: machine, interface: interface.name,
            devices: Array(Set(links + [interface.device ?? name])),
            from: interface.spoofProtection ? Self.spoofProtection(mac, interface.address) : [],
            to: interface.securityGroups.isEmpty ? [] : Self.ingress(groups, members))
    }

    /// Frames that a guest has no right to send are dropped: from another's Ethernet address, answers of a DHCP server
    /// or a router, tags that would hide what is inside, and, where its address is declared, from any other address.
    private static func spoofProtection(_ mac: MACAddress, _ address: IPAddress?) -> [String] {
        let always = [
            "ether saddr != \(mac) drop",
            "ether type { 8021q, 8021ad } drop",
            "arp saddr ether != \(mac) drop",
            "udp sport { 67, 547 } drop",
            "icmpv6 type { nd-router-advert, nd-redirect } drop",
        ]
        guard let address else { return always }
        let own = address.isIPv4 ? ["0.0.0.0", address.description] : ["0.0.0.0"]
        let local = ["::", "fe80::/10"] + (address.isIPv4 ? [] : [address.description])
        // The prefix of what a host gives itself, fe80::/10, at the target of a neighbour advertisement.
        let target =
            (address.isIPv4 ? "" : "@th,64,128 != 0x\(address.bytes.hexDigits) ") + "@th,64,16 & 0xffc0 != 0xfe80"
        return always + [
            "arp saddr ip != \(set(own)) drop",
            // Before it has an address it asks for one.
            "ip saddr 0.0.0.0 udp sport 68 udp dport 67 accept",
            address.isIPv4 ? "ip saddr != \(address) drop" : "ether type ip drop",
            "ip6 saddr != \(set(local)) drop",
            "icmpv6 type nd-neighbor-advert \(target) drop",
            // QEMU announces a guest that has moved by RARP.
            "ether type != { ip, arp, 0x8035, ip6 } drop",
        ]
    }

    /// What no network works without, then what the groups allow, and nothing else.
    private static func ingress(_ groups: [SecurityGroup], _ members: [String: [IPAddress]]) -> [String] {
        let discovery = "mld-listener-query, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert"
        let isStateful = groups.contains(where: \.isStateful)
        return (isStateful ? ["ct state established,related accept", "ct state invalid drop"] : []) + [
            "ether type arp accept",
            "icmpv6 type { \(discovery) } accept",
            "udp sport 67 udp dport 68 accept",
            "udp sport 547 udp dport 546 accept",
        ] + groups.flatMap { $0.ingress.flatMap { statements($0, members) } } + ["drop"]
    }

    private static func statements(_ rule: SecurityGroup.Rule, _ members: [String: [IPAddress]]) -> [String] {
        let ports = rule.port.map { first in
            rule.endPort.map { $0 == first ? "\(first)" : "\(first)-\($0)" } ?? "\(first)"
        }
        func transport(_ remote: String) -> String {
            let what =
                switch rule.transport {
                case .any: remote.isEmpty ? "meta protocol { ip, ip6 } " : ""
                case .tcp, .udp:
                    ports.map { "\(rule.transport.rawValue) dport \($0) " }
                        ?? "meta l4proto \(rule.transport.rawValue) "
                case .icmp: "ip protocol icmp "
                case .icmpv6: "meta l4proto ipv6-icmp "
                }
            return "\(remote)\(what)accept"
        }
        let takesIPv4 = rule.transport != .icmpv6
        let takesIPv6 = rule.transport != .icmp
        if let cidr = rule.cidr {
            return [transport("\(cidr.address.isIPv4 ? "ip" : "ip6") saddr \(cidr) ")]
        }
        guard let group = rule.group else { return [transport("")] }
        let addresses = members[group] ?? []
        let (old, new) = (addresses.filter(\.isIPv4), addresses.filter { !$0.isIPv4 })
        return
            (takesIPv4 && !old.isEmpty ? [transport("ip saddr \(set(old.map(\.description))) ")] : [])
            + (takesIPv6 && !new.isEmpty ? [transport("ip6 saddr \(set(new.map(\.description))) ")] : [])
    }

    private static func set(_ items: [String]) -> String {
        items.count == 1 ? items[0] : "{ \(items.joined(separator: ", ")) }"
    }
}

extension VirtualMachine.Interface {
    /// Whether the host's firewall has rules for it.
    var isFiltered: Bool { spoofProtection || !securityGroups.isEmpty }
}
