public import Hosts
public import Model

/// What there is of networks on a host.
public struct NetworkObservation: Hashable, Sendable {
    /// Our networks by their links, sorted by identity.
    public var networks: [Network] = []
    /// Bridges, VXLAN links and VLANs that are not ours, and links of any kind that have a name only we derive.
    public var foreign: [ForeignObject] = []
    /// Bridges and VXLAN links that a manifest could adopt.
    public var adoptable: [Network] = []
    /// Our firewall; nil when it is not there.
    public var firewall: Firewall?
    /// What the host does by itself when it starts; nil when that could not be seen.
    public var boot: BootConfiguration?
    /// What holds interfaces to their bandwidth; nil when nobody asked.
    public var shaping: Shaping?
    /// What FRR says.
    public var routing = RoutingObservation()
    /// Largest frame payload of the link that has the underlay's address; nil when none has it.
    public var underlayMTU: Int?
    /// What the fleet's VLANs need; nil when it has none here.
    public var vlans: VLANGround?
    /// Whether the kernel tracks connections on bridges; nil when nobody asked.
    public var tracksConnections: Bool?
    /// What could not be observed.
    public var unknown: [UnknownArea] = []
    /// Which bridge each link is a port of, by the link's name.
    public var masters: [String: String] = [:]
    /// Largest frame payload in bytes of every link, by its name.
    public var frames: [String: Int] = [:]
    /// Links of ours that were not finished, by name. Making the link anew removes them first.
    public var staged: [String] = []
}

extension NetworkDriver {
    /// Reads all links, forwarding tables, and namespaces of ours. What cannot be read is unknown.
    ///
    /// - Parameter underlay: the address that tunnels begin at.
    public func observe(underlay: IPAddress? = nil) async -> NetworkObservation {
        let (links, floods, namespaces) = await commands.ask(together: links, floods, namespaces)
        return observation(links, floods, namespaces, underlay: underlay)
    }

    /// All links, as ip(8) tells them.
    public var links: HostQuestion<String> {
        .text(CommandCall("ip", ["-details", "-json", "address", "show"], outputLimit: 1 << 26))
    }

    /// All forwarding tables, as bridge(8) tells them.
    public var floods: HostQuestion<String> {
        .text(CommandCall("bridge", ["-json", "fdb", "show"], outputLimit: 1 << 26))
    }

    /// The namespaces that have a name of the form that ours have.
    public var namespaces: HostQuestion<String> { .text(namespaceCall([])) }

    /// Makes sense of the answers. What is not among them is unknown.
    ///
    /// - Parameter underlay: the address that tunnels begin at.
    public func observation(
        _ links: Result<String, HostError>, _ floods: Result<String, HostError>,
        _ namespaces: Result<String, HostError>, underlay: IPAddress?
    ) -> NetworkObservation {
        do throws(HostError) {
            let links = try LinkRecord.parse(try links.get())
            var result = observation(
                links: links, floods: try FloodRecord.parse(try floods.get()),
                namespaces: try ServiceNamespace.parse(try namespaces.get()))
            result.underlayMTU = underlay.flatMap { own in links.first { $0.addresses.contains(own) }?.mtu }
            return result
        } catch {
            return NetworkObservation(unknown: [UnknownArea(.network, reason: "\(error)")])
        }
    }

    /// Makes sense of what was read.
    func observation(
        links: [LinkRecord], floods: [FloodRecord], namespaces: [ServiceNamespace] = []
    ) -> NetworkObservation {
        var result = NetworkObservation()
        var others: [LinkRecord] = []
        var ours: [String: Links] = [:]
        let services = services(links, namespaces, &result.unknown)
        for id in services.keys { ours[id] = Links() }
        for link in links {
            result.masters[link.name] = link.master
            result.frames[link.name] = link.mtu
            let resource = link.alias.flatMap { identity.resource(inLinkAlias: $0) }
            if let resource, resource.kind == .network, link.kind == "bridge" {
                ours[resource.id, default: Links()].bridges.append(link)
            } else if let resource, resource.kind == .network, link.kind == "vxlan" {
                ours[resource.id, default: Links()].tunnels.append(link)
            } else if let resource, resource.kind == .network, link.kind == "vlan" {
                ours[resource.id, default: Links()].vlans.append(link)
            } else if let resource, resource.kind == .network, link.kind == "veth" {
                continue
            } else if isStaged(link) {
                result.staged.append(link.name)
            } else if ["bridge", "vxlan", "vlan"].contains(link.kind) || isDerivedName(link.name) {
                others.append(link)
            }
        }
        let tables = Dictionary(grouping: floods, by: \.link)
        let adoptable = AdoptableLinks(
            others.filter { $0.kind == "bridge" || $0.kind == "vxlan" }, host: host, identity: identity
        ) { tables[$0] ?? [] }
        result.adoptable = adoptable.networks
        result.foreign = others.map { foreign($0, obstacle: adoptable.obstacles[$0.name]) }
        for (id, links) in ours.sorted(by: { $0.key < $1.key }) {
            guard links.bridges.count <= 1, links.tunnels.count <= 1, links.vlans.count <= 1 else {
                let names = (links.bridges + links.tunnels + links.vlans).map(\.name).sorted().joined(separator: ", ")
                result.unknown.append(
                    UnknownArea(
                        .network, resource: ResourceID(.network, id), reason: "several links carry its mark: \(names)"))
                continue
            }
            let tunnel = links.tunnels.first
            var found = network(id, links.bridges.first, tunnel, tunnel.flatMap { tables[$0.name] } ?? [])
            if let link = links.vlans.first, let vlan = link.vlan {
                found.status?.vlan = Network.VLANLink(
                    name: link.name, id: vlan.id, interface: vlan.interface, mtu: link.mtu, isUp: link.isUp,
                    bridge: link.master)
                found.spec.vlan = vlan.interface.map { Network.VLAN(host: host, interface: $0, id: vlan.id) }
            }
            found.status?.service = services[id]
            result.networks.append(found)
        }
        result.foreign.sort { $0.name < $1.name }
        result.staged.sort()
        return result
    }

    /// The links that carry the mark of one network.
    private struct Links {
        var bridges: [LinkRecord] = []
        var tunnels: [LinkRecord] = []
        var vlans: [LinkRecord] = []
    }

    private func network(
        _ id: String, _ bridge: LinkRecord?, _ tunnel: LinkRecord?, _ floods: [FloodRecord]
    ) -> Network {
        let status = Network.Status(
            host: host, uuid: identity.uuid(ResourceID(.network, id)),
            bridge: bridge.map { Network.Bridge(name: $0.name, mtu: $0.mtu, isUp: $0.isUp) },
            tunnel: tunnel.flatMap { link in
                link.tunnel.map {
                    Network.Tunnel(
                        name: link.name, vni: $0.vni, port: $0.port, local: $0.local, interface: $0.interface,
                        mtu: link.mtu, isUp: link.isUp, bridge: link.master, flood: Self.flood(floods),
                        flooding: $0.learns ? .static : .evpn, bridgeLearns: link.port?.learns,
                        suppressesNeighbors: link.port?.suppressesNeighbors)
                }
            })
        // A name that is not derived is the link's own.
        let vxlan = status.tunnel.map {
            Network.VXLAN(
                vni: $0.vni, port: $0.port, name: $0.name == identity.tunnelName(id) ? nil : $0.name,
                flooding: $0.flooding)
        }
        return Network(
            metadata: Metadata(name: id),
            spec: Network.Spec(
                vxlan: vxlan, bridgeName: bridge.flatMap { $0.name == identity.bridgeName(id) ? nil : $0.name },
                mtu: bridge?.mtu ?? tunnel?.mtu ?? 0), status: status)
    }

    /// The destinations, sorted. An entry with a port, an identifier or an interface of its own counts twice, so a
    /// list with one never equals a wanted list.
    static func flood(_ records: [FloodRecord]) -> [IPAddress] {
        records.flatMap { [IPAddress](repeating: $0.destination, count: $0.extras.isEmpty ? 1 : 2) }.sorted()
    }

    private func foreign(_ link: LinkRecord, obstacle: String?) -> ForeignObject {
        ForeignObject(
            kind: .link, name: CommandText.printable(link.name), owner: Self.owner(link.alias), vni: link.tunnel?.vni,
            port: link.tunnel?.port, vlan: link.vlan?.id, interface: link.vlan?.interface.map(CommandText.printable),
            obstacle: obstacle ?? (link.kind == "vlan" ? "VLANs are made, not adopted" : nil))
    }

    /// Whose a link is by its alias, when it says so.
    private static func owner(_ alias: String?) -> String {
        guard let parts = alias?.split(separator: ":"), parts.count >= 3, parts[0] == "infra" else { return "" }
        return "fleet \(CommandText.printable(String(parts[1].prefix(8))))"
    }

    /// Whether the name has the form of those that a fleet derives.
    private func isDerivedName(_ name: String) -> Bool {
        ["ib", "iv", "iq", "is"].contains(name.prefix(2)) && name.utf8.count == 13
            && name.utf8.dropFirst(2).allSatisfy { ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x61 && $0 <= 0x66) }
    }
}
