public import Foundation

/// A machine that runs guests. Named so because Foundation has a `Host` of its own.
public struct KVMHost: Hashable, Sendable, Codable {
    /// How the machine is reached.
    public enum Connection: Hashable, Sendable, Codable {
        /// It is the machine `infra` runs on; libvirt by `qemu:///system`.
        case local
        /// Another machine; libvirt by `qemu+ssh://`.
        case ssh(SSH)
    }

    /// An amount of processors and memory; nil where nothing is said.
    public struct Amount: Hashable, Sendable, Codable {
        /// Processors (threads).
        public var cpu: Int?
        /// Memory.
        public var memory: ByteCount?

        /// An amount.
        public init(cpu: Int? = nil, memory: ByteCount? = nil) {
            self.cpu = cpu
            self.memory = memory
        }
    }

    /// How much more may be promised than there is.
    public struct Overcommit: Hashable, Sendable, Codable {
        /// Promised over physical processors.
        public var cpu: Double
        /// Promised over physical memory.
        public var memory: Double

        /// Ratios; 1 promises no more than there is.
        public init(cpu: Double = 1, memory: Double = 1) {
            self.cpu = cpu
            self.memory = memory
        }
    }

    /// Where VXLAN traffic of this host comes from.
    public struct Underlay: Hashable, Sendable, Codable {
        /// The VTEP address, IPv4 or IPv6.
        public var address: IPAddress
        /// The interface that carries it; the kernel's choice by route when nil.
        public var interface: String?

        /// An underlay.
        public init(address: IPAddress, interface: String? = nil) {
            self.address = address
            self.interface = interface
        }
    }

    /// What runs guest code.
    public enum AcceleratorChoice: String, CaseIterable, Codable, Sendable {
        /// KVM where it is proven to work, else TCG.
        case auto
        /// KVM or an error.
        case kvm
        /// QEMU's translator.
        case tcg
    }

    /// What the manifest says.
    public struct Spec: Hashable, Sendable, Codable {
        /// How it is reached.
        public var connection: Connection
        /// What to count with instead of what is there.
        public var capacity: Amount
        /// What is kept for the host itself.
        public var reserve: Amount
        /// How much more may be promised than there is.
        public var overcommit: Overcommit
        /// Absolute folders below which `directory` pools may lie.
        public var storageRoots: [String]
        /// Where VXLAN traffic comes from; needed by a host that carries a VXLAN network.
        public var underlay: Underlay?
        /// What runs guest code.
        public var accelerator: AcceleratorChoice
        /// Whether new machines stay away.
        public var maintenance: Bool
        /// The operator's word that the machine is off: it is not asked, and what was there last stays put.
        public var offline: Bool

        /// A host's declaration.
        public init(
            connection: Connection = .local, capacity: Amount = Amount(), reserve: Amount = Amount(),
            overcommit: Overcommit = Overcommit(), storageRoots: [String] = ["/var/lib/infra"],
            underlay: Underlay? = nil, accelerator: AcceleratorChoice = .auto, maintenance: Bool = false,
            offline: Bool = false
        ) {
            self.connection = connection
            self.capacity = capacity
            self.reserve = reserve
            self.overcommit = overcommit
            self.storageRoots = storageRoots
            self.underlay = underlay
            self.accelerator = accelerator
            self.maintenance = maintenance
            self.offline = offline
        }
    }

    /// What was observed.
    public struct Status: Hashable, Sendable, Codable {
        /// UUIDv5 of `/etc/machine-id`.
        public var uuid: UUID
        /// The machine's own name.
        public var hostname: String
        /// Processors that are there (threads online).
        public var cpu: Int
        /// Memory that is there.
        public var memory: ByteCount
        /// What was proven to run guest code.
        public var accelerator: Accelerator
        /// Why that one: `KVM proven`, or what failed; empty where nothing was tried, as in a simulation.
        public var acceleratorReason: String
        /// libvirt's version, `9.0.0`.
        public var libvirtVersion: String

        /// An observation.
        public init(
            uuid: UUID, hostname: String, cpu: Int, memory: ByteCount, accelerator: Accelerator,
            acceleratorReason: String, libvirtVersion: String
        ) {
            self.uuid = uuid
            self.hostname = hostname
            self.cpu = cpu
            self.memory = memory
            self.accelerator = accelerator
            self.acceleratorReason = acceleratorReason
            self.libvirtVersion = libvirtVersion
        }
    }

    /// Name and labels.
    public var metadata: Metadata
    /// What the manifest says.
    public var spec: Spec
    /// What was observed; nil in a manifest.
    public var status: Status?

    /// A host.
    public init(metadata: Metadata, spec: Spec = Spec(), status: Status? = nil) {
        self.metadata = metadata
        self.spec = spec
        self.status = status
    }
}

/// What runs guest code.
public enum Accelerator: String, CaseIterable, Codable, Sendable {
    /// The kernel's KVM; libvirt's domain type `kvm`.
    case kvm
    /// QEMU's translator; libvirt's domain type `qemu`.
    case tcg
}
