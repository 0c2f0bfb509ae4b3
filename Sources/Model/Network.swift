public import Foundation

/// A layer-2 network: a bridge on every host that carries it, joined by VXLAN when it spans hosts.
public struct Network: Hashable, Sendable, Codable {
    /// How a host learns where frames for an address go, and those for none that it knows.
    public enum Flooding: String, CaseIterable, Codable, Sendable {
        /// From what other hosts send; unknown ones go to each host that carries the network.
        case `static`
        /// From BGP, which FRR speaks.
        case evpn
    }

    /// The tunnel that joins the bridges of different hosts (RFC 7348).
    public struct VXLAN: Hashable, Sendable, Codable {
        /// The VXLAN network identifier, 1 to 16777215.
        public var vni: Int
        /// The UDP port, 4789 unless stated.
        public var port: Int
        /// The link's own name, of one that is adopted; derived when nil.
        public var name: String?
        /// How frames of unknown destination find their way.
        public var flooding: Flooding
        /// VTEPs outside the fleet that are flooded to as well.
        public var peers: [IPAddress]

        /// A tunnel.
        public init(
            vni: Int, port: Int = 4789, name: String? = nil, flooding: Flooding = .static, peers: [IPAddress] = []
        ) {
            self.vni = vni
            self.port = port
            self.name = name
            self.flooding = flooding
            self.peers = peers
        }
    }

    /// The addresses on the network.
    public struct Subnet: Hashable, Sendable, Codable {
        /// The block.
        public var cidr: CIDR
        /// The router that guests are told of.
        public var gateway: IPAddress?
        /// Whether every host that carries the network gives its guests their addresses.
        public var servesDHCP: Bool
        /// The address at which DHCP and DNS are answered; the gateway's when nil.
        public var server: IPAddress?
        /// The name servers that guests are told of.
        public var dns: [IPAddress]

        /// A subnet.
        public init(
            cidr: CIDR, gateway: IPAddress? = nil, servesDHCP: Bool = false, server: IPAddress? = nil,
            dns: [IPAddress] = []
        ) {
            self.cidr = cidr
            self.gateway = gateway
            self.servesDHCP = servesDHCP
            self.server = server
            self.dns = dns
        }
    }

    /// What the manifest says.
    public struct Spec: Hashable, Sendable, Codable {
        /// The tunnel; nil for a network that stays on its host.
        public var vxlan: VXLAN?
        /// The bridge's own name, of one that is adopted; derived when nil.
        public var bridgeName: String?
        /// Largest frame payload in bytes, pinned on the bridge: 1450 for VXLAN, 1500 else, unless stated.
        public var mtu: Int
        /// The addresses on it.
        public var subnet: Subnet?
        /// The VLAN that is part of it.
        public var vlan: VLAN?
        /// Hosts that carry it beside those on which a member is placed, by identity.
        public var hosts: [String]
        /// What interfaces on it may receive, by the groups that they are in. Sorted by name.
        public var securityGroups: [SecurityGroup]

        /// A network's declaration.
        public init(
            vxlan: VXLAN? = nil, bridgeName: String? = nil, mtu: Int, subnet: Subnet? = nil, vlan: VLAN? = nil,
            hosts: [String] = [], securityGroups: [SecurityGroup] = []
        ) {
            self.vxlan = vxlan
            self.bridgeName = bridgeName
            self.mtu = mtu
            self.subnet = subnet
            self.vlan = vlan
            self.hosts = hosts
            self.securityGroups = securityGroups
        }

        /// The hosts that carry it whether a member is placed there or not: those of `hosts`, and the one of the VLAN.
        public var namedHosts: [String] {
            guard let host = vlan?.host, !hosts.contains(host) else { return hosts }
            return hosts + [host]
        }
    }

    /// The tunnel's link on one host.
    public struct Tunnel: Hashable, Sendable, Codable {
        /// The link's name: its own, or `iv<11 hex digits>`.
        public var name: String
        /// The VXLAN network identifier.
        public var vni: Int
        /// The UDP port.
        public var port: Int
        /// The VTEP address; nil when the kernel chooses.
        public var local: IPAddress?
        /// The interface it is bound to; nil when the kernel chooses.
        public var interface: String?
        /// Largest frame payload in bytes.
        public var mtu: Int
        /// Whether it is administratively up.
        public var isUp: Bool
        /// The bridge it is a port of; nil when it is none's.
        public var bridge: String?
        /// The destinations of its all-zero FDB entries, sorted. With EVPN FRR keeps them.
        public var flood: [IPAddress]
        /// Static where the link itself learns addresses; EVPN where it does not (`nolearning`).
        public var flooding: Flooding
        /// Whether the bridge learns addresses from it (`learning`): with static flooding.
        public var bridgeLearns: Bool
        /// Whether the bridge answers ARP and neighbour solicitations in place of what is behind it (`neigh_suppress`):
        /// with EVPN.
        public var suppressesNeighbors: Bool

        /// A tunnel's link.
        public init(
            name: String, vni: Int, port: Int, local: IPAddress?, interface: String? = nil, mtu: Int,
            isUp: Bool = true, bridge: String?, flood: [IPAddress] = [], flooding: Flooding = .static,
            bridgeLearns: Bool? = nil, suppressesNeighbors: Bool? = nil
        ) {
            self.name = name
            self.vni = vni
            self.port = port
            self.local = local
            self.interface = interface
            self.mtu = mtu
            self.isUp = isUp
            self.bridge = bridge
            self.flood = flood
            self.flooding = flooding
            self.bridgeLearns = bridgeLearns ?? (flooding == .static)
            self.suppressesNeighbors = suppressesNeighbors ?? (flooding == .evpn)
        }
    }

    /// The bridge on one host.
    public struct Bridge: Hashable, Sendable, Codable {
        /// The link's name: its own, or `ib<11 hex digits>`.
        public var name: String
        /// Largest frame payload in bytes.
        public var mtu: Int
        /// Whether it is administratively up.
        public var isUp: Bool

        /// A bridge.
        public init(name: String, mtu: Int, isUp: Bool = true) {
            self.name = name
            self.mtu = mtu
            self.isUp = isUp
        }
    }

    /// What was observed on one host, or is expected there.
    public struct Status: Hashable, Sendable, Codable {
        /// The host, by identity.
        public var host: String
        /// UUIDv5 of the fleet and the identity.
        public var uuid: UUID
        /// The bridge; nil when it is not there.
        public var bridge: Bridge?
        /// The tunnel; nil when it is not there.
        public var tunnel: Tunnel?
        /// The VLAN's link; nil when it is not there.
        public var vlan: VLANLink?
        /// DHCP and DNS; nil when nothing of them is there.
        public var service: Service?

        /// An observation.
        public init(
            host: String, uuid: UUID, bridge: Bridge? = nil, tunnel: Tunnel? = nil, vlan: VLANLink? = nil,
            service: Service? = nil
        ) {
            self.host = host
            self.uuid = uuid
            self.bridge = bridge
            self.tunnel = tunnel
            self.vlan = vlan
            self.service = service
        }
    }

    /// Name and labels.
    public var metadata: Metadata
    /// What the manifest says. Of an observed network only what its links tell.
    public var spec: Spec
    /// What was observed or is expected; nil in a manifest.
    public var status: Status?

    /// A network.
    public init(metadata: Metadata, spec: Spec, status: Status? = nil) {
        self.metadata = metadata
        self.spec = spec
        self.status = status
    }
}
