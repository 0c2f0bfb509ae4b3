public import Hosts
public import Model

/// Domains of one host: observed, and changed step by step.
///
/// Each step takes the machine as it is to be (`status` included), reads its own target again just before the effect,
/// and throws `HostError.surprise` when that is not as the plan said. What is already as wanted is a success.
public struct ComputeDriver: Sendable {
    let connection: LibvirtConnection
    let host: String
    let identity: Identity

    /// A driver.
    ///
    /// - Parameters:
    ///   - connection: to the host's libvirt.
    ///   - host: the host, by identity, for statuses.
    ///   - identity: the fleet's identities.
    public init(connection: LibvirtConnection, host: String, identity: Identity) {
        self.connection = connection
        self.host = host
        self.identity = identity
    }
}

/// What was seen of a host's domains.
public struct ComputeObservation: Hashable, Sendable, Codable {
    /// Our machines, sorted by identity.
    public var machines: [VirtualMachine]
    /// The links of our running machines' interfaces.
    public var taps: [Tap]
    /// Domains that are not ours, sorted by name.
    public var foreign: [ForeignObject]
    /// Those of them that a manifest could adopt, sorted by name.
    public var adoptable: [VirtualMachine]
    /// What could not be read.
    public var unknown: [UnknownArea]

    /// An observation.
    public init(
        machines: [VirtualMachine] = [], taps: [Tap] = [], foreign: [ForeignObject] = [],
        adoptable: [VirtualMachine] = [], unknown: [UnknownArea] = []
    ) {
        self.machines = machines
        self.taps = taps
        self.foreign = foreign
        self.adoptable = adoptable
        self.unknown = unknown
    }
}
