public import Hosts
public import Model

extension NetworkDriver {
    /// Makes the VXLAN link of `network.status` as a port of our bridge, with its flood list, up. Does nothing but set
    /// what differs when it is there.
    ///
    /// With static flooding the kernel's learning stays on: addresses behind other VTEPs are learned from what they send.
    /// With EVPN it is off, at the port of the bridge too, and FRR writes what BGP tells. The TTL is the
    /// route's, since one inherited from the guest would end link-local traffic in the underlay.
    ///
    /// - Throws: `.surprise` when the bridge is not there, or a link that is not ours has a name we need; `.command`
    ///   when the kernel refuses, as it does when another link has the VNI and port.
    public func createTunnel(_ network: Network) async throws(HostError) {
        let (id, wanted) = try tunnel(of: network)
        if try await ours(wanted.name, "vxlan", id) != nil { return try await updateTunnel(network) }
        try await requireBridge(wanted, id)
        try await removeStaged(for: identity.tunnelName(id))
        try await batch("ip", creation(wanted, id, isIsolated: network.isTunnelIsolated))
        try await batch("bridge", portLines(wanted, seen: nil) + floodLines(wanted, seen: []))
    }

    /// Sets MTU, state, bridge and flood list of the standing VXLAN link.
    ///
    /// - Throws: `.surprise` when it is not there, not ours, or differs in what only a new link can have.
    public func updateTunnel(_ network: Network) async throws(HostError) {
        let (id, wanted) = try tunnel(of: network)
        guard let seen = try await ours(wanted.name, "vxlan", id), let kernel = seen.tunnel else {
            throw .surprise("the VXLAN link \(wanted.name) is not there any more")
        }
        let same = LinkRecord.Tunnel(
            vni: wanted.vni, port: wanted.port, local: wanted.local, interface: wanted.interface,
            learns: wanted.flooding == .static)
        guard kernel == same else {
            throw .surprise("the VXLAN link \(wanted.name) has another VNI, port, local address, interface or flooding")
        }
        if wanted.bridge != nil { try await requireBridge(wanted, id) }
        // Before it is up or bridged, so that nothing is flooded to where it should not go.
        try await batch("bridge", floodLines(wanted, seen: try await floods(of: wanted.name)))
        var lines = settings(wanted.name, seen, mtu: wanted.mtu, isUp: wanted.isUp)
        if seen.master != wanted.bridge {
            if network.isTunnelIsolated { lines.insert(isolation(of: wanted.name), at: 0) }
            lines.insert("link set dev \(wanted.name) \(wanted.bridge.map { "master \($0)" } ?? "nomaster")", at: 0)
        }
        try await batch("ip", lines)
        try await batch("bridge", portLines(wanted, seen: seen.master == wanted.bridge ? seen.port : nil))
    }

    /// Makes the VXLAN link anew under the standing bridge, in one batch. Traffic between hosts pauses a few
    /// milliseconds.
    ///
    /// - Throws: as `createTunnel`.
    public func replaceTunnel(_ network: Network) async throws(HostError) {
        let (id, wanted) = try tunnel(of: network)
        let seen = try await ours(wanted.name, "vxlan", id)
        try await requireBridge(wanted, id)
        try await removeStaged(for: identity.tunnelName(id))
        try await batch(
            "ip",
            (seen == nil ? [] : ["link del dev \(wanted.name)"])
                + creation(wanted, id, isIsolated: network.isTunnelIsolated))
        try await batch("bridge", portLines(wanted, seen: nil) + floodLines(wanted, seen: []))
    }

    /// Removes the VXLAN link; the bridge stands.
    ///
    /// - Throws: `.surprise` when the name is that of a link that is not ours.
    public func removeTunnel(_ network: Network) async throws(HostError) {
        let id = try checkedID(of: network)
        let name = network.status?.tunnel?.name ?? identity.tunnelName(id)
        guard InterfaceName.isValid(name), try await ours(name, "vxlan", id) != nil else { return }
        try await batch("ip", ["link del dev \(name)"])
    }

    func tunnel(of network: Network) throws(HostError) -> (id: String, tunnel: Network.Tunnel) {
        let id = try checkedID(of: network)
        guard let tunnel = network.status?.tunnel, tunnel.name == identity.tunnelName(of: network),
            InterfaceName.isValid(tunnel.name),
            tunnel.bridge == nil || InterfaceName.isValid(tunnel.bridge ?? "")
        else { throw .surprise("the plan has no VXLAN link for Network/\(id), or one of another name") }
        if let interface = tunnel.interface, !InterfaceName.isValid(interface) {
            throw .surprise("not an interface's name: \(CommandText.printable(interface))")
        }
        return (id, tunnel)
    }

    private func requireBridge(_ wanted: Network.Tunnel, _ id: String) async throws(HostError) {
        guard let bridge = wanted.bridge else { return }
        guard try await ours(bridge, "bridge", id) != nil else {
            throw .surprise("the bridge \(bridge), which the VXLAN link joins, is not there")
        }
    }

    private func creation(_ wanted: Network.Tunnel, _ id: String, isIsolated: Bool) -> [String] {
        let derived = identity.tunnelName(id)
        let staged = derived + Self.stagedSuffix
        let address = identity.linkAddress(host: host, link: derived)
        let add =
            "link add name \(staged) mtu \(wanted.mtu) address \(address) type vxlan id \(wanted.vni)"
            + " dstport \(wanted.port)" + (wanted.local.map { " local \($0)" } ?? "")
            + (wanted.interface.map { " dev \($0)" } ?? "") + (wanted.flooding == .evpn ? " nolearning" : "")
        return [
            add, finish(staged, wanted.name, id) + (wanted.bridge.map { " master \($0)" } ?? ""),
        ] + (isIsolated ? [isolation(of: wanted.name)] : [])
            + (wanted.isUp ? ["link set dev \(wanted.name) up"] : [])
    }

    private func floods(of name: String) async throws(HostError) -> [FloodRecord] {
        let output = try await commands.run("bridge", ["-json", "fdb", "show", "dev", name], outputLimit: 1 << 24)
        // Asked for one link, some versions leave its name out.
        return try FloodRecord.parse(output.text, link: name)
    }

    /// Who learns and who answers for neighbours at the bridge's port. The kernel's own is what static flooding wants.
    private func portLines(_ wanted: Network.Tunnel, seen: LinkRecord.Port?) -> [String] {
        let port = LinkRecord.Port(learns: wanted.bridgeLearns, suppressesNeighbors: wanted.suppressesNeighbors)
        guard wanted.bridge != nil, port != seen ?? LinkRecord.Port(learns: true, suppressesNeighbors: false) else {
            return []
        }
        func word(_ isOn: Bool) -> String { isOn ? "on" : "off" }
        return [
            "link set dev \(wanted.name) learning \(word(port.learns)) neigh_suppress \(word(port.suppressesNeighbors))"
        ]
    }

    private func floodLines(_ wanted: Network.Tunnel, seen: [FloodRecord]) -> [String] {
        // FRR's, which it keeps by itself.
        guard wanted.flooding == .static else { return [] }
        let entry = "00:00:00:00:00:00 dev \(wanted.name) dst"
        let right = Set(seen.filter { $0.extras.isEmpty }.map(\.destination))
        let wrong = seen.filter { !$0.extras.isEmpty || !wanted.flood.contains($0.destination) }
        return wanted.flood.filter { !right.contains($0) }.map { "fdb append \(entry) \($0)" }
            + wrong.map { (["fdb del \(entry) \($0.destination)"] + $0.extras).joined(separator: " ") }
    }
}

extension Network {
    /// Whether its tunnel is a port that exchanges no frames with the one of DHCP and DNS.
    fileprivate var isTunnelIsolated: Bool { status?.service != nil && status?.tunnel?.bridge != nil }
}
