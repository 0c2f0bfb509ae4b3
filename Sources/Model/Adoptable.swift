/// What is on a host, carries no mark, and can be told in our words: a manifest that names it adopts it. Nothing in here
/// is ours. What cannot be adopted is a `ForeignObject` with its obstacle.
public struct Adoptable: Hashable, Sendable, Codable {
    /// Started folders of disk images, under libvirt's names.
    public var pools: [StoragePool]
    /// Disk images in those folders and in pools of ours, under their file names.
    public var volumes: [Volume]
    /// Bridges, each with the VXLAN link that is its only one, and VXLAN links without a bridge, under the links' names.
    public var networks: [Network]
    /// Domains, under libvirt's names. A disk is named by its target (`vda`), an interface by its place (`eth0`).
    public var machines: [VirtualMachine]

    /// What can be adopted; nothing without arguments.
    public init(
        pools: [StoragePool] = [], volumes: [Volume] = [], networks: [Network] = [], machines: [VirtualMachine] = []
    ) {
        self.pools = pools
        self.volumes = volumes
        self.networks = networks
        self.machines = machines
    }
}

/// By what the devices of an adopted machine are told, never by position, until they have aliases of ours: a running
/// domain's devices get none.
public struct DeviceMap: Hashable, Sendable, Codable {
    /// The target, such as `vda`, of each disk.
    public var disks: [String: String]
    /// The Ethernet address of each interface.
    public var interfaces: [String: MACAddress]

    /// A map by the names of our devices.
    public init(disks: [String: String] = [:], interfaces: [String: MACAddress] = [:]) {
        self.disks = disks
        self.interfaces = interfaces
    }
}
