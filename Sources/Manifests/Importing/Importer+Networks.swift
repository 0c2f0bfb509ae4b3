import Model

extension Importer {
    mutating func importNetworks() {
        for found in observed.adoptable.networks {
            guard let status = found.status, let bridge = status.bridge else {
                refuse("link", found.metadata.name, "it is no port of a bridge that can be adopted")
                continue
            }
            if let obstacle = Self.obstacle(to: bridge) {
                refuse("link", bridge.name, obstacle)
                if let tunnel = status.tunnel { refuse("link", tunnel.name, "its bridge cannot be adopted") }
                continue
            }
            var tunnel = status.tunnel
            if let link = tunnel, let obstacle = obstacle(to: link, on: bridge) {
                refuse("link", link.name, obstacle)
                tunnel = nil
            }
            let name = name(.network, for: bridge.name, or: "network")
            networks.append(
                Network(
                    metadata: Metadata(name: name),
                    spec: Network.Spec(
                        vxlan: tunnel.map {
                            Network.VXLAN(vni: $0.vni, port: $0.port, name: $0.name, peers: $0.flood)
                        }, bridgeName: bridge.name, mtu: bridge.mtu, hosts: [host.metadata.name])))
        }
    }

    private static func obstacle(to bridge: Network.Bridge) -> String? {
        if !Form<String>.isLinkName(bridge.name) { return "no manifest can say its name" }
        if !bridge.isUp { return "it is down, and networks of a fleet are up" }
        return (576...65_535).contains(bridge.mtu) ? nil : "no manifest can say its MTU, \(bridge.mtu)"
    }

    /// Why a VXLAN link cannot be part of its bridge's network. The first one says what the host's underlay is.
    private mutating func obstacle(to tunnel: Network.Tunnel, on bridge: Network.Bridge) -> String? {
        if !Form<String>.isLinkName(tunnel.name) { return "no manifest can say its name" }
        if !tunnel.isUp { return "it is down, and networks of a fleet are up" }
        if tunnel.mtu != bridge.mtu { return "its MTU is \(tunnel.mtu), its bridge's is \(bridge.mtu)" }
        if Set(tunnel.flood).count < tunnel.flood.count { return "it floods to one address twice" }
        if (existing.networks + networks).contains(where: { $0.spec.vxlan?.vni == tunnel.vni }) {
            return "another network has the VNI \(tunnel.vni)"
        }
        guard let local = tunnel.local else { return "it states no local address" }
        if let interface = tunnel.interface, !Form<String>.isLinkName(interface) {
            return "no manifest can say the name of its interface"
        }
        let underlay = KVMHost.Underlay(address: local, interface: tunnel.interface)
        if host.spec.underlay == nil, isNew { host.spec.underlay = underlay }
        return host.spec.underlay == underlay
            ? nil
            : "it begins at \(local)\(tunnel.interface.map { " on \($0)" } ?? ""), which is not the host's underlay"
    }
}
