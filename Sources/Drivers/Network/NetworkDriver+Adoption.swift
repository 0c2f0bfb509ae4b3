public import Hosts
public import Model

extension NetworkDriver {
    /// Marks the bridge of `network.status`, which is there and nobody's. Its alias is all that changes.
    ///
    /// - Throws: `.surprise` when it is not there, is no bridge, or carries another alias.
    public func adoptBridge(_ network: Network) async throws(HostError) {
        let (id, bridge) = try bridge(of: network)
        try await adopt(bridge.name, "bridge", id)
    }

    /// Marks the VXLAN link of `network.status`, which is there and nobody's.
    ///
    /// - Throws: as `adoptBridge`.
    public func adoptTunnel(_ network: Network) async throws(HostError) {
        let (id, tunnel) = try tunnel(of: network)
        try await adopt(tunnel.name, "vxlan", id)
    }

    /// Takes our mark off the bridge; it stays as it is.
    ///
    /// - Throws: `.surprise` when the name is that of a link that is not ours.
    public func releaseBridge(_ network: Network) async throws(HostError) {
        let (id, bridge) = try bridge(of: network)
        try await release(bridge.name, "bridge", id)
    }

    /// Takes our mark off the VXLAN link; it stays as it is.
    ///
    /// - Throws: as `releaseBridge`.
    public func releaseTunnel(_ network: Network) async throws(HostError) {
        let id = try checkedID(of: network)
        guard let name = network.status?.tunnel?.name, InterfaceName.isValid(name) else {
            throw .surprise("the plan has no VXLAN link for Network/\(id)")
        }
        try await release(name, "vxlan", id)
    }

    private func adopt(_ name: String, _ kind: String, _ id: String) async throws(HostError) {
        guard let link = try await link(named: name), link.kind == kind else {
            throw .surprise("there is no \(kind) \(name) any more")
        }
        let alias = identity.linkAlias(ResourceID(.network, id))
        if link.alias == alias { return }
        guard link.alias == nil else {
            throw .surprise("\(name) has the alias \(CommandText.printable(link.alias ?? "")) already")
        }
        try await batch("ip", ["link set dev \(name) alias \(alias)"])
    }

    private func release(_ name: String, _ kind: String, _ id: String) async throws(HostError) {
        guard try await ours(name, kind, id) != nil else { return }
        // A batch knows no empty word.
        try await commands.run(
            "ip", ["link", "set", "dev", name, "alias", ""], deadline: .seconds(30), underLock: true)
    }
}
