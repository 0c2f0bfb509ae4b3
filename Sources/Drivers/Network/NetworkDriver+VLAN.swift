public import Hosts
public import Model

extension NetworkDriver {
    /// Whether the kernel makes VLANs; tried in a network namespace that ends with the trial. `ip` loads the module 8021q.
    public func makesVLANs() async throws(HostError) -> Bool {
        try await commands.run(
            "unshare", ["--net", "--", "ip", "-batch", "-"], input: .bytes(Array(VLANTrial.lines.utf8)),
            deadline: .seconds(15), accepting: [0, 1, 2]
        ).status == 0
    }

    /// Makes the VLAN's link of `network.status` as a port of our bridge, up. Does nothing but set what differs when it is
    /// there. The interface stays as it is, but for the kernel, which has it take frames for all addresses while the link is
    /// a port of a bridge.
    ///
    /// - Throws: `.surprise` when the bridge or the interface is not there, or a link that is not ours has the name;
    ///   `.command` when the kernel refuses, as it does when another link has the VLAN.
    public func createVLAN(_ network: Network) async throws(HostError) {
        let (id, wanted, interface) = try vlan(of: network)
        if try await ours(wanted.name, "vlan", id) != nil { return try await updateVLAN(network) }
        try await requireBridge(of: wanted, id)
        guard let wire = try await link(named: interface) else {
            throw .surprise("the interface \(interface), which the VLAN is on, is not there")
        }
        guard wire.mtu >= wanted.mtu else {
            throw .surprise(
                "the interface \(interface) takes frames of \(wire.mtu) bytes, and \(wanted.mtu) are wanted")
        }
        try await removeStaged(for: wanted.name)
        let staged = wanted.name + Self.stagedSuffix
        let address = identity.linkAddress(host: host, link: wanted.name)
        try await batch(
            "ip",
            [
                "link add link \(interface) name \(staged) mtu \(wanted.mtu) address \(address) type vlan id \(wanted.id)",
                finish(staged, wanted.name, id) + (wanted.bridge.map { " master \($0)" } ?? ""),
            ] + (wanted.isUp ? ["link set dev \(wanted.name) up"] : []))
    }

    /// Sets MTU, state and bridge of the standing link.
    ///
    /// - Throws: `.surprise` when it is not there, not ours, or differs in what only a new link can have.
    public func updateVLAN(_ network: Network) async throws(HostError) {
        let (id, wanted, interface) = try vlan(of: network)
        guard let seen = try await ours(wanted.name, "vlan", id) else {
            throw .surprise("the VLAN's link \(wanted.name) is not there any more")
        }
        guard seen.vlan == LinkRecord.VLAN(id: wanted.id, interface: interface) else {
            throw .surprise("the link \(wanted.name) is of another VLAN or interface")
        }
        try await requireBridge(of: wanted, id)
        var lines = settings(wanted.name, seen, mtu: wanted.mtu, isUp: wanted.isUp)
        if seen.master != wanted.bridge {
            lines.insert("link set dev \(wanted.name) \(wanted.bridge.map { "master \($0)" } ?? "nomaster")", at: 0)
        }
        try await batch("ip", lines)
    }

    /// Removes the VLAN's link; bridge and interface stand.
    ///
    /// - Throws: `.surprise` when the name is that of a link that is not ours.
    public func removeVLAN(_ network: Network) async throws(HostError) {
        let id = try checkedID(of: network)
        let name = identity.vlanName(id)
        guard try await ours(name, "vlan", id) != nil else { return }
        try await batch("ip", ["link del dev \(name)"])
    }

    private func vlan(
        of network: Network
    ) throws(HostError) -> (id: String, link: Network.VLANLink, interface: String) {
        let id = try checkedID(of: network)
        guard let link = network.status?.vlan, link.name == identity.vlanName(id), (1...4094).contains(link.id),
            link.bridge == nil || InterfaceName.isValid(link.bridge ?? ""), let interface = link.interface,
            InterfaceName.isValid(interface)
        else { throw .surprise("the plan has no VLAN for Network/\(id), or one that cannot be") }
        return (id, link, interface)
    }

    private func requireBridge(of wanted: Network.VLANLink, _ id: String) async throws(HostError) {
        guard let bridge = wanted.bridge else { return }
        guard try await ours(bridge, "bridge", id) != nil else {
            throw .surprise("the bridge \(bridge), which the VLAN joins, is not there")
        }
    }
}
