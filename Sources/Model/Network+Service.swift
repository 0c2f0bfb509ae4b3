extension Network {
    /// DHCP and DNS of a network on one host: a network namespace with dnsmasq(8) in it, joined to the bridge by a veth
    /// pair. It has the same address on every host that carries the network, and answers only the guests of its own.
    public struct Service: Hashable, Sendable, Codable {
        /// A guest's address, which is its for good.
        public struct Lease: Hashable, Sendable, Codable {
            /// The name that DNS answers to.
            public var name: String
            /// The interface's Ethernet address.
            public var mac: MACAddress
            /// The interface's address.
            public var address: IPAddress

            /// A fixed lease.
            public init(name: String, mac: MACAddress, address: IPAddress) {
                self.name = name
                self.mac = mac
                self.address = address
            }
        }

        /// Where dnsmasq's files are, a folder for each namespace; dnsmasq's own user may read them. They outlast the host's
        /// next start, which namespaces do not: a unit makes those again (`BootFile`).
        public static let folder = "/var/lib/infra-dhcp"

        /// The namespace's name; nil when it is not there.
        public var name: String?
        /// The host's end of the pair; nil when it is not there.
        public var link: String?
        /// The bridge that end is a port of; nil when it is none's.
        public var bridge: String?
        /// Largest frame payload of both ends in bytes; 0 when they differ.
        public var mtu: Int
        /// The Ethernet address of the end in the namespace; nil when it is not there.
        public var mac: MACAddress?
        /// Whether both ends are administratively up.
        public var isUp: Bool
        /// Whether no frame passes between it and the tunnel: both are isolated ports (bridge(8), `isolated`).
        public var isIsolated: Bool
        /// The addresses in the namespace with their prefixes, `10.20.0.1/24`, sorted.
        public var addresses: [String]
        /// What dnsmasq is told beside its leases, as lines of its configuration file.
        public var options: [String]
        /// The leases, sorted by address.
        public var leases: [Lease]
        /// Whether dnsmasq runs there and has read all that.
        public var isServing: Bool

        /// A service.
        public init(
            name: String? = nil, link: String? = nil, bridge: String? = nil, mtu: Int = 0, mac: MACAddress? = nil,
            isUp: Bool = false, isIsolated: Bool = false, addresses: [String] = [], options: [String] = [],
            leases: [Lease] = [], isServing: Bool = false
        ) {
            self.name = name
            self.link = link
            self.bridge = bridge
            self.mtu = mtu
            self.mac = mac
            self.isUp = isUp
            self.isIsolated = isIsolated
            self.addresses = addresses
            self.options = options
            self.leases = leases
            self.isServing = isServing
        }
    }
}

extension Network.Subnet {
    /// Where DHCP and DNS are answered; nil when nobody does.
    public var serviceAddress: IPAddress? { servesDHCP ? server ?? gateway : nil }
}
