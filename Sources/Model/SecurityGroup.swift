/// Which frames the members of a group receive on a network. Whoever is in at least one group receives what its groups
/// allow and nothing else.
public struct SecurityGroup: Hashable, Sendable, Codable {
    /// What a rule is about.
    public enum TransportProtocol: String, CaseIterable, Codable, Sendable {
        /// All of IPv4 and IPv6.
        case any
        /// TCP.
        case tcp
        /// UDP.
        case udp
        /// ICMP, of IPv4.
        case icmp
        /// ICMPv6. Neighbour discovery needs no rule.
        case icmpv6
    }

    /// What is allowed to come in.
    public struct Rule: Hashable, Sendable, Codable {
        /// What it is about.
        public var transport: TransportProtocol
        /// The first port, of TCP and UDP; every port when nil.
        public var port: Int?
        /// The last port; `port` when nil.
        public var endPort: Int?
        /// From where; from anywhere when this and `group` are nil.
        public var cidr: CIDR?
        /// From the declared addresses of the members of that group of the same network.
        public var group: String?

        /// A rule.
        public init(
            transport: TransportProtocol = .any, port: Int? = nil, endPort: Int? = nil, cidr: CIDR? = nil,
            group: String? = nil
        ) {
            self.transport = transport
            self.port = port
            self.endPort = endPort
            self.cidr = cidr
            self.group = group
        }
    }

    /// Unique within the network.
    public var name: String
    /// Whether answers to what a member sent come in without a rule. The host's kernel then has to track connections on
    /// bridges.
    public var isStateful: Bool
    /// What is allowed to come in.
    public var ingress: [Rule]

    /// A group.
    public init(name: String, isStateful: Bool = true, ingress: [Rule] = []) {
        self.name = name
        self.isStateful = isStateful
        self.ingress = ingress
    }
}
