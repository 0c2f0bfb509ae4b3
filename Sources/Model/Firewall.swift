import Crypto
import Foundation

/// What a fleet filters on one host: one nftables table of family `bridge`, all of it ours.
public struct Firewall: Hashable, Sendable, Codable {
    /// The rules of one interface of a machine.
    public struct Port: Hashable, Sendable, Codable {
        /// The link's derived name, by which the chains are called.
        public var name: String
        /// The machine, by identity.
        public var machine: String
        /// The interface, by name.
        public var interface: String
        /// The links that the rules are about, sorted: the one that the definition names, and the running one's.
        public var devices: [String]
        /// What frames from the guest pass first, as nft(8) statements, one a rule.
        public var from: [String]
        /// Whose frames from the guest have to be; with nil anybody's.
        public var sender: Sender?
        /// What frames to the guest pass.
        public var to: [String]
        /// Sixteen hex digits over the statements as they were written. nft(8) prints them in its own way.
        public var digest: String

        /// Rules as they are to be.
        public init(
            name: String, machine: String, interface: String, devices: [String], from: [String] = [],
            sender: Sender? = nil, to: [String]
        ) {
            let text = (from + [sender?.summary ?? "", "to"] + to).joined(separator: "\n")
            self.init(
                name: name, machine: machine, interface: interface, devices: devices, from: from, sender: sender,
                to: to, digest: Firewall.digest(text))
        }

        /// Rules as they were read.
        public init(
            name: String, machine: String, interface: String, devices: [String], from: [String] = [],
            sender: Sender? = nil, to: [String], digest: String
        ) {
            self.name = name
            self.machine = machine
            self.interface = interface
            self.devices = devices.sorted()
            self.from = from
            self.sender = sender
            self.to = to
            self.digest = digest
        }

        /// Every rule that it is held to.
        public var statements: [String] { from + (sender?.statements ?? []) + to }

        /// `web-1/eth0`.
        public var title: String { "\(machine)/\(interface)" }

        /// Whether both say the same, however their statements are printed.
        public func isTheSame(as other: Port) -> Bool {
            name == other.name && machine == other.machine && interface == other.interface && devices == other.devices
                && digest == other.digest
        }
    }

    /// One for each interface, sorted by name.
    public var ports: [Port]
    /// Whether the table is whole and as it was written.
    public var isIntact: Bool
    /// Whether the host loads it when it starts. Where nothing does, true.
    public var isSaved: Bool

    /// A firewall.
    public init(ports: [Port] = [], isIntact: Bool = true, isSaved: Bool = true) {
        self.ports = ports.sorted { $0.name < $1.name }
        self.isIntact = isIntact
        self.isSaved = isSaved
    }

    /// Whether nothing needs to be written to come from one to the other.
    public func isTheSame(as other: Firewall) -> Bool {
        isIntact == other.isIntact && isSaved == other.isSaved
            && ports.elementsEqual(other.ports) { $0.isTheSame(as: $1) }
    }

    /// Whether a statement asks for the state of connections.
    public var tracksConnections: Bool { ports.contains { $0.to.contains { $0.hasPrefix("ct ") } } }

    /// Sixteen hex digits of SHA-256.
    public static func digest(_ text: String) -> String {
        SHA256.hash(data: Data(text.utf8)).prefix(8).hexDigits
    }
}
