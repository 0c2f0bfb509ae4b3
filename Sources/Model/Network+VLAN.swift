extension Network {
    /// A VLAN of a wire (IEEE 802.1Q) that is part of the network. It is joined at one place: at two, frames would go round
    /// by the wire and the tunnel for ever, since the bridges run no spanning tree.
    public struct VLAN: Hashable, Sendable, Codable {
        /// The host, by identity.
        public var host: String
        /// The host's interface on the wire; it is not ours.
        public var interface: String
        /// The VLAN identifier, 1 to 4094.
        public var id: Int

        /// A VLAN.
        public init(host: String, interface: String, id: Int) {
            self.host = host
            self.interface = interface
            self.id = id
        }
    }

    /// The VLAN's link on its host (ip-link(8), `type vlan`).
    public struct VLANLink: Hashable, Sendable, Codable {
        /// The link's name, `iq<11 hex digits>`.
        public var name: String
        /// The VLAN identifier; 0 of a link that is tagged by another protocol than 802.1Q.
        public var id: Int
        /// The interface whose frames it takes; nil when that is in another network namespace.
        public var interface: String?
        /// Largest frame payload in bytes.
        public var mtu: Int
        /// Whether it is administratively up.
        public var isUp: Bool
        /// The bridge it is a port of; nil when it is none's.
        public var bridge: String?

        /// A VLAN's link.
        public init(name: String, id: Int, interface: String?, mtu: Int, isUp: Bool = true, bridge: String?) {
            self.name = name
            self.id = id
            self.interface = interface
            self.mtu = mtu
            self.isUp = isUp
            self.bridge = bridge
        }
    }
}

/// What a host has of what its VLANs need.
public struct VLANGround: Hashable, Sendable, Codable {
    /// An interface that a VLAN of the manifests is on.
    public struct Interface: Hashable, Sendable, Codable {
        /// Its name.
        public var name: String
        /// Largest frame payload in bytes. The kernel gives a VLAN on it no larger one.
        public var mtu: Int

        /// An interface.
        public init(name: String, mtu: Int) {
            self.name = name
            self.mtu = mtu
        }
    }

    /// Whether the kernel makes VLANs.
    public var isThere: Bool
    /// Those interfaces that are there, of those that the manifests name, sorted by name.
    public var interfaces: [Interface]

    /// What a host has.
    public init(isThere: Bool, interfaces: [Interface] = []) {
        self.isThere = isThere
        self.interfaces = interfaces
    }
}
