import Hosts
import Model

/// Which bridges and VXLAN links that are not ours a manifest could adopt, and why not the others.
struct AdoptableLinks {
    private(set) var networks: [Network] = []
    /// Why a link cannot be adopted, by its name.
    private(set) var obstacles: [String: String] = [:]

    init(_ links: [LinkRecord], host: String, identity: Identity, floods: (String) -> [FloodRecord]) {
        var bridges: [String: Network.Bridge] = [:]
        var tunnels: [String?: [Network.Tunnel]] = [:]
        for link in links {
            if let obstacle = Self.obstacle(to: link, floods(link.name)) {
                obstacles[link.name] = obstacle
            } else if link.kind == "bridge" {
                bridges[link.name] = Network.Bridge(name: link.name, mtu: link.mtu, isUp: link.isUp)
            } else if let tunnel = link.tunnel {
                let seen = Network.Tunnel(
                    name: link.name, vni: tunnel.vni, port: tunnel.port, local: tunnel.local,
                    interface: tunnel.interface, mtu: link.mtu, isUp: link.isUp, bridge: link.master,
                    flood: NetworkDriver.flood(floods(link.name)))
                tunnels[link.master, default: []].append(seen)
            }
        }
        for (name, bridge) in bridges.sorted(by: { $0.key < $1.key }) {
            let ports = tunnels.removeValue(forKey: name) ?? []
            if ports.count > 1 {
                for port in ports { obstacles[port.name] = "\(name) has \(ports.count) VXLAN links; a network has one" }
            }
            add(bridge, ports.count == 1 ? ports[0] : nil, host, identity)
        }
        for tunnel in tunnels.values.flatMap(\.self).sorted(by: { $0.name < $1.name }) {
            add(nil, tunnel, host, identity)
        }
    }

    private mutating func add(
        _ bridge: Network.Bridge?, _ tunnel: Network.Tunnel?, _ host: String, _ identity: Identity
    ) {
        let name = bridge?.name ?? tunnel?.name ?? ""
        networks.append(
            Network(
                metadata: Metadata(name: name),
                spec: Network.Spec(
                    vxlan: tunnel.map { Network.VXLAN(vni: $0.vni, port: $0.port, name: $0.name) },
                    bridgeName: bridge?.name, mtu: bridge?.mtu ?? tunnel?.mtu ?? 0),
                status: Network.Status(
                    host: host, uuid: identity.uuid(ResourceID(.network, name)), bridge: bridge, tunnel: tunnel)))
    }

    /// What can carry no mark of ours, or does what no manifest can say.
    private static func obstacle(to link: LinkRecord, _ floods: [FloodRecord]) -> String? {
        if let alias = link.alias, alias.hasPrefix("infra:") { return "it belongs to another fleet" }
        if let alias = link.alias {
            return "it has the alias \(CommandText.printable(alias)), where our mark would stand"
        }
        guard InterfaceName.isValid(link.name) else { return "no manifest can say its name" }
        guard link.kind == "vxlan" else { return nil }
        guard let tunnel = link.tunnel, tunnel.vni > 0 else { return "it takes its VNI from elsewhere" }
        guard tunnel.learns else { return "it learns no addresses by itself (nolearning), as somebody's EVPN wants" }
        if floods.contains(where: { !$0.extras.isEmpty }) { return "its flood list names ports or interfaces" }
        if floods.contains(where: { $0.destination.isMulticast }) { return "it floods to a multicast group" }
        return nil
    }
}
