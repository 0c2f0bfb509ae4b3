import Model

extension Firewall.Port {
    /// The rules of an interface that is placed; nil for one whose frames nobody looks at.
    ///
    /// - Parameters:
    ///   - links: What the running interface is called, if not as its definition says.
    ///   - limits: The bandwidth that rules hold it to, where the kernel has no queues for libvirt.
    init?(
        _ interface: VirtualMachine.Interface, of machine: String, links: [String], limits: Bandwidth?,
        network: Network, members: [String: [IPAddress]], identity: Identity
    ) {
        guard interface.isFiltered || limits != nil, let mac = interface.mac else { return nil }
        let name = identity.deviceName(machine: machine, interface: interface.name)
        let groups = network.spec.securityGroups.filter { interface.securityGroups.contains($0.name) }
        self.init(
            name: name, machine: machine, interface: interface.name,
            devices: Array(Set(links + [interface.device ?? name])),
            from: Self.limit(limits?.outbound),
            sender: interface.spoofProtection ? Firewall.Sender(mac: mac, address: interface.address) : nil,
            to: Self.limit(limits?.inbound)
                + (interface.securityGroups.isEmpty
                    ? [] : Self.ingress(groups, members, names: network.spec.subnet?.serviceAddress)))
    }

    /// Frames beyond a rate are dropped, before any rule lets them pass. A guest's frames have up to 64 KiB until its
    /// virtual device cuts them, so less than two of those is no burst. To nftables a second's worth is one as well.
    private static func limit(_ limit: Bandwidth.Limit?) -> [String] {
        guard let limit else { return [] }
        let least: UInt64 = 1 << 17
        func statement(_ rate: BitRate, burst: UInt64) -> String {
            "limit rate over \(rate.kilobytes * 1000) bytes/second burst \(max(burst, least)) bytes drop"
        }
        return (limit.peak.map { [statement($0, burst: least)] } ?? [])
            + [statement(limit.average, burst: limit.burst?.bytes ?? least)]
    }

    /// What no network works without, then what the groups allow, and nothing else.
    ///
    /// - Parameter names: where the network's own DNS answers.
    private static func ingress(
        _ groups: [SecurityGroup], _ members: [String: [IPAddress]], names: IPAddress?
    ) -> [String] {
        let discovery = "mld-listener-query, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert"
        let isStateful = groups.contains(where: \.isStateful)
        let state = isStateful ? ["ct state established,related accept", "ct state invalid drop"] : []
        let always = [
            "ether type arp accept",
            "icmpv6 type { \(discovery) } accept",
            "udp sport 67 udp dport 68 accept",
            "udp sport 547 udp dport 546 accept",
        ]
        let answers = names.map { ["ip saddr \($0) udp sport 53 accept", "ip saddr \($0) tcp sport 53 accept"] } ?? []
        let rules = groups.flatMap { $0.ingress.flatMap { statements($0, members) } }
        return state + always + answers + rules + ["drop"]
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
