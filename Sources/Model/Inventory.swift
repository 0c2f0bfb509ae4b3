/// A whole fleet: what the manifests want, as parsed. Each list is sorted by identity, each identity occurs once.
public struct FleetManifest: Hashable, Sendable, Codable {
    /// The namespace and the policies.
    public var fleet: Fleet
    /// The hosts.
    public var hosts: [KVMHost]
    /// The pools.
    public var pools: [StoragePool]
    /// The images.
    public var images: [Image]
    /// The networks.
    public var networks: [Network]
    /// The volumes that are documents of their own.
    public var volumes: [Volume]
    /// The machines.
    public var machines: [VirtualMachine]
    /// The snapshots.
    public var snapshots: [Snapshot]

    /// A whole fleet.
    public init(
        fleet: Fleet, hosts: [KVMHost] = [], pools: [StoragePool] = [], images: [Image] = [],
        networks: [Network] = [], volumes: [Volume] = [], machines: [VirtualMachine] = [],
        snapshots: [Snapshot] = []
    ) {
        self.fleet = fleet
        self.hosts = hosts
        self.pools = pools
        self.images = images
        self.networks = networks
        self.volumes = volumes
        self.machines = machines
        self.snapshots = snapshots
    }
}

/// What is on one host: observed there, or expected there once a plan is done. Both are this one type, so a diff, a
/// recorded inventory and a simulation speak one vocabulary. Every resource in it has a status.
public struct HostInventory: Hashable, Sendable, Codable {
    /// The host itself.
    public var host: KVMHost
    /// Our pools.
    public var pools: [StoragePool]
    /// Our stored images, one for each pool and digest.
    public var images: [Image]
    /// Our networks.
    public var networks: [Network]
    /// Our volumes, retained and unfinished ones included.
    public var volumes: [Volume]
    /// Our machines.
    public var machines: [VirtualMachine]
    /// Our seeds, by the machine's identity, those of no machine included.
    public var seeds: [String: VirtualMachine.Seed]
    /// Links of ours that were not finished, by name.
    public var stagedLinks: [String]
    /// Interfaces of running machines of ours that are not ports of their bridge.
    public var looseTaps: [Tap]
    /// Our firewall; nil when it is not there.
    public var firewall: Firewall?
    /// Whether the kernel tracks connections on bridges; nil when nobody asked.
    public var tracksConnections: Bool?
    /// What the host does by itself when it starts; nil when nobody asked.
    public var boot: BootConfiguration?
    /// What holds interfaces to their bandwidth; nil when nobody asked.
    public var shaping: Shaping?
    /// What FRR says for the fleet; nil when it says nothing.
    public var evpn: EVPN?
    /// The `router bgp` in FRR that is not the fleet's.
    public var foreignRouter: BGPRouter?
    /// Largest frame payload of the link that has the underlay's address; nil when no link has it.
    public var underlayMTU: Int?
    /// What its VLANs need; nil when nobody asked.
    public var vlans: VLANGround?
    /// The targets of the iSCSI server that runs on it; none when nobody asked.
    public var targets: [ISCSITarget]
    /// What is not ours.
    public var foreign: [ForeignObject]
    /// What of it a manifest could adopt.
    public var adoptable: Adoptable
    /// What could not be observed. What depends on it is blocked.
    public var unknown: [UnknownArea]
    /// Machines that were there when the host was last seen, by identity, as the other hosts remember it; nil when none
    /// does. Read only of a host that was not observed.
    public var lastSeen: [String]?
    /// The same of volumes in pools that no other host reaches.
    public var lastSeenVolumes: [String]?
    /// How much of its pools was in use at earlier applies, by pool, oldest first, as the host remembers it.
    public var earlierUse: [String: [PoolUse]]
    /// What keeps its machines' disks from being used twice; nil when nobody asked.
    public var leases: Leases?
    /// What the other hosts remember of the operator's word that it is off; nil when they remember none.
    public var fence: Fence?

    /// An inventory of one host.
    public init(
        host: KVMHost, pools: [StoragePool] = [], images: [Image] = [], networks: [Network] = [],
        volumes: [Volume] = [], machines: [VirtualMachine] = [], seeds: [String: VirtualMachine.Seed] = [:],
        stagedLinks: [String] = [], looseTaps: [Tap] = [], firewall: Firewall? = nil,
        tracksConnections: Bool? = nil, boot: BootConfiguration? = nil, shaping: Shaping? = nil, evpn: EVPN? = nil,
        foreignRouter: BGPRouter? = nil,
        underlayMTU: Int? = nil, vlans: VLANGround? = nil, targets: [ISCSITarget] = [],
        foreign: [ForeignObject] = [],
        adoptable: Adoptable = Adoptable(),
        unknown: [UnknownArea] = [], lastSeen: [String]? = nil, lastSeenVolumes: [String]? = nil,
        earlierUse: [String: [PoolUse]] = [:], leases: Leases? = nil, fence: Fence? = nil
    ) {
        self.host = host
        self.pools = pools
        self.images = images
        self.networks = networks
        self.volumes = volumes
        self.machines = machines
        self.seeds = seeds
        self.stagedLinks = stagedLinks
        self.looseTaps = looseTaps
        self.firewall = firewall
        self.tracksConnections = tracksConnections
        self.boot = boot
        self.shaping = shaping
        self.evpn = evpn
        self.foreignRouter = foreignRouter
        self.underlayMTU = underlayMTU
        self.vlans = vlans
        self.targets = targets
        self.foreign = foreign
        self.adoptable = adoptable
        self.unknown = unknown
        self.lastSeen = lastSeen
        self.lastSeenVolumes = lastSeenVolumes
        self.earlierUse = earlierUse
        self.leases = leases
        self.fence = fence
    }
}

extension HostInventory {
    /// Whether nothing at all is known of the host.
    public var isUnknown: Bool { unknown.contains { $0.area == .host && $0.resource == nil } }
}

extension HostInventory {
    /// Whether a resource is on the host.
    public func holds(_ resource: ResourceID) -> Bool {
        func has(_ all: [Metadata]) -> Bool { all.contains { $0.identity == resource.id } }
        return switch resource.kind {
        case .fleet: false
        case .host: has([host.metadata])
        case .storagePool: has(pools.map(\.metadata))
        case .image: has(images.map(\.metadata))
        case .network: has(networks.map(\.metadata))
        case .volume: has(volumes.map(\.metadata))
        case .virtualMachine: has(machines.map(\.metadata))
        case .snapshot: volumes.contains { $0.status?.mark?.part?.snapshot == resource.id }
        }
    }
}

/// The host's end of a running machine's network interface.
public struct Tap: Hashable, Sendable, Codable {
    /// The machine, by identity.
    public var machine: String
    /// The link's name, such as `vnet3`.
    public var device: String
    /// The bridge it is to be a port of.
    public var bridge: String

    /// An interface's end.
    public init(machine: String, device: String, bridge: String) {
        self.machine = machine
        self.device = device
        self.bridge = bridge
    }
}

/// Something on a host that is not ours. It stays byte for byte as it is; it is listed, and it can be in the way.
public struct ForeignObject: Hashable, Sendable, Codable {
    /// What it is.
    public enum Kind: String, CaseIterable, Codable, Sendable {
        /// A libvirt domain.
        case domain
        /// A libvirt storage pool.
        case pool
        /// A volume group of LVM.
        case volumeGroup = "volume-group"
        /// A file or a logical volume in a pool of ours.
        case file
        /// A bridge, VXLAN link or VLAN.
        case link
    }

    /// What it is.
    public var kind: Kind
    /// Its name; of a file the absolute path.
    public var name: String
    /// What it belongs to, when it says so: `fleet 6f0a1d52…`, else empty.
    public var owner: String
    /// A domain's UUID or a pool's, in lower case.
    public var uuid: String?
    /// A pool's target folder.
    public var path: String?
    /// A VXLAN link's identifier.
    public var vni: Int?
    /// A VXLAN link's UDP port.
    public var port: Int?
    /// A VLAN's identifier.
    public var vlan: Int?
    /// The interface that a VLAN is on.
    public var interface: String?
    /// A running domain's processors.
    public var cpu: Int?
    /// A running domain's memory.
    public var memory: ByteCount?
    /// A domain's Ethernet addresses.
    public var macs: [MACAddress]
    /// Why no manifest can adopt it; nil when one can, or when nobody looked.
    public var obstacle: String?

    /// A foreign object.
    public init(
        kind: Kind, name: String, owner: String = "", uuid: String? = nil, path: String? = nil, vni: Int? = nil,
        port: Int? = nil, vlan: Int? = nil, interface: String? = nil, cpu: Int? = nil, memory: ByteCount? = nil,
        macs: [MACAddress] = [], obstacle: String? = nil
    ) {
        self.kind = kind
        self.name = name
        self.owner = owner
        self.uuid = uuid
        self.path = path
        self.vni = vni
        self.port = port
        self.vlan = vlan
        self.interface = interface
        self.cpu = cpu
        self.memory = memory
        self.macs = macs
        self.obstacle = obstacle
    }
}

/// A part of a host that could not be observed. Unknown is not absent.
public struct UnknownArea: Hashable, Sendable, Codable {
    /// Which part.
    public enum Area: String, CaseIterable, Codable, Sendable {
        /// All of it.
        case host
        /// Domains.
        case compute
        /// Pools, volumes, images, seeds.
        case storage
        /// Links.
        case network
        /// What is filtered.
        case firewall
        /// What FRR says.
        case routing
    }

    /// Which part.
    public var area: Area
    /// The one resource, when the rest of the area was observed.
    public var resource: ResourceID?
    /// What went wrong.
    public var reason: String

    /// A part that could not be observed.
    public init(_ area: Area, resource: ResourceID? = nil, reason: String) {
        self.area = area
        self.resource = resource
        self.reason = reason
    }
}
