public import Hosts
public import Model

extension NetworkDriver {
    /// Makes the bridge of `network.status`: fixed address, no spanning tree, no address of the host's on it, MTU
    /// pinned, up. Does nothing but set what differs when it is there.
    ///
    /// - Throws: `.surprise` when a link that is not ours has its name, `.command` when the kernel refuses.
    public func createBridge(_ network: Network) async throws(HostError) {
        let (id, wanted) = try bridge(of: network)
        if try await ours(wanted.name, "bridge", id) != nil { return try await updateBridge(network) }
        let derived = identity.bridgeName(id)
        try await removeStaged(for: derived)
        let staged = derived + Self.stagedSuffix
        let address = identity.linkAddress(host: host, link: derived)
        try await batch(
            "ip",
            [
                // Only a change of its MTU pins it; else it follows the smallest of its ports. So it starts elsewhere.
                "link add name \(staged) mtu \(wanted.mtu > 1000 ? wanted.mtu - 1 : wanted.mtu + 1) address \(address)"
                    + " type bridge stp_state 0",
                "link set dev \(staged) mtu \(wanted.mtu)",
                finish(staged, wanted.name, id),
            ] + (wanted.isUp ? ["link set dev \(wanted.name) up"] : []))
    }

    /// Sets MTU and state of the standing bridge.
    ///
    /// - Throws: `.surprise` when it is not there or not ours.
    public func updateBridge(_ network: Network) async throws(HostError) {
        let (id, wanted) = try bridge(of: network)
        guard let seen = try await ours(wanted.name, "bridge", id) else {
            throw .surprise("the bridge \(wanted.name) is not there any more")
        }
        try await batch("ip", settings(wanted.name, seen, mtu: wanted.mtu, isUp: wanted.isUp))
    }

    /// Removes the bridge. Our tunnel and VLAN may still be ports of it.
    ///
    /// - Throws: `.surprise` when the name is that of a link that is not ours, or when anything else is a port of it.
    public func removeBridge(_ network: Network) async throws(HostError) {
        let (id, wanted) = try bridge(of: network)
        guard try await ours(wanted.name, "bridge", id) != nil else { return }
        let output = try await commands.run("ip", ["-details", "-json", "link", "show", "master", wanted.name])
        let ports = try LinkRecord.parse(output.text).filter {
            $0.alias != identity.linkAlias(ResourceID(.network, id)) || !["vxlan", "vlan"].contains($0.kind)
        }
        guard ports.isEmpty else {
            let names = ports.map { CommandText.printable($0.name) }.sorted()
            throw .surprise(
                "the bridge \(wanted.name) still has ports: \(names.prefix(5).joined(separator: ", "))"
                    + (names.count > 5 ? " and \(names.count - 5) more" : ""))
        }
        try await batch("ip", ["link del dev \(wanted.name)"])
    }

    func bridge(of network: Network) throws(HostError) -> (id: String, bridge: Network.Bridge) {
        let id = try checkedID(of: network)
        guard let bridge = network.status?.bridge, bridge.name == identity.bridgeName(of: network),
            InterfaceName.isValid(bridge.name)
        else {
            throw .surprise("the plan has no bridge for Network/\(id), or one of another name")
        }
        return (id, bridge)
    }
}

extension NetworkDriver {
    /// Makes a running machine's link a port of its bridge again.
    ///
    /// - Throws: `.surprise` when the link is gone or is a port of another, or the bridge is not this fleet's.
    public func attach(_ tap: Tap) async throws(HostError) {
        guard InterfaceName.isValid(tap.device), InterfaceName.isValid(tap.bridge) else {
            throw .surprise("not names of links: \(CommandText.printable("\(tap.device), \(tap.bridge)"))")
        }
        guard let bridge = try await link(named: tap.bridge), bridge.kind == "bridge",
            bridge.alias.flatMap({ identity.resource(inLinkAlias: $0) })?.kind == .network
        else { throw .surprise("\(tap.bridge) is no bridge of this fleet") }
        guard let link = try await link(named: tap.device), link.kind == "tun" else {
            throw .surprise("there is no link \(tap.device) of a machine any more")
        }
        if link.master == tap.bridge { return }
        guard link.master == nil else { throw .surprise("\(tap.device) is a port of \(link.master ?? "")") }
        try await batch("ip", ["link set dev \(tap.device) master \(tap.bridge)"])
    }
}

extension NetworkDriver {
    /// The identity, which becomes part of lines that `ip` reads, if it is a name.
    func checkedID(of network: Network) throws(HostError) -> String {
        let id = network.metadata.identity
        guard Name.isValid(id) else { throw .surprise("not a network's identity: \(CommandText.printable(id))") }
        return id
    }

    /// The link of that name if it is ours and of that kind; nil when there is none.
    ///
    /// - Throws: `.surprise` when it is not ours.
    func ours(_ name: String, _ kind: String, _ id: String) async throws(HostError) -> LinkRecord? {
        guard let link = try await link(named: name) else { return nil }
        guard link.alias == identity.linkAlias(ResourceID(.network, id)), link.kind == kind else {
            throw .surprise("the link \(name) is there and does not carry the mark of Network/\(id)")
        }
        return link
    }

    /// Removes what an earlier run left of making a link.
    ///
    /// - Throws: `.surprise` when a link that is not ours has the staged name.
    func removeStaged(for name: String) async throws(HostError) {
        guard let link = try await link(named: name + Self.stagedSuffix) else { return }
        guard isStaged(link) else { throw .surprise("the link \(link.name) is there and not ours") }
        try await batch("ip", ["link del dev \(link.name)"])
    }

    /// Removes an unfinished link that `observe` told of.
    ///
    /// - Throws: `.surprise` when it is no unfinished link of ours.
    public func removeStaged(link name: String) async throws(HostError) {
        guard name.hasSuffix(Self.stagedSuffix), InterfaceName.isValid(name) else {
            throw .surprise("not the name of an unfinished link: \(CommandText.printable(name))")
        }
        try await removeStaged(for: String(name.dropLast(Self.stagedSuffix.count)))
    }

    /// The request that makes a staged link ours: alias and name at once, and no IPv6 address of the host's, through
    /// which guests would reach it. The kernel ignores an alias in the request that makes a link.
    func finish(_ staged: String, _ name: String, _ id: String) -> String {
        "link set dev \(staged) addrgenmode none alias \(identity.linkAlias(ResourceID(.network, id))) name \(name)"
    }

    /// The lines that set what differs.
    func settings(_ name: String, _ seen: LinkRecord, mtu: Int, isUp: Bool) -> [String] {
        var lines: [String] = []
        if seen.mtu != mtu { lines.append("link set dev \(name) mtu \(mtu)") }
        if seen.isUp != isUp { lines.append("link set dev \(name) \(isUp ? "up" : "down")") }
        return lines
    }
}

/// The names of interfaces that we hand to `ip`.
enum InterfaceName {
    /// Whether it is at most 15 letters, digits, `_`, `.`, `:`, `@`, `-`, and no option. The kernel takes more.
    static func isValid(_ name: String) -> Bool {
        (1...15).contains(name.utf8.count) && !name.hasPrefix("-")
            && name.utf8.allSatisfy {
                ($0 >= 0x30 && $0 <= 0x3a) || ($0 >= 0x40 && $0 <= 0x5a) || ($0 >= 0x61 && $0 <= 0x7a) || $0 == 0x5f
                    || $0 == 0x2d || $0 == 0x2e
            }
    }
}
