/// A guest: what libvirt calls a domain.
public struct VirtualMachine: Hashable, Sendable, Codable {
    /// What the manifest says, with what placement fills in. Of an observed machine, what the persistent definition says.
    public struct Spec: Hashable, Sendable, Codable {
        /// The host, by identity; where `placement` allows when nil.
        public var host: String?
        /// Which hosts may have it, when none is named.
        public var placement: Placement
        /// Processors.
        public var cpu: CPU
        /// Memory.
        public var memory: Memory
        /// What runs its code; the host's choice when nil. A placed or observed machine always has one.
        public var accelerator: Accelerator?
        /// Direct kernel boot; from its disks when nil.
        public var boot: DirectBoot?
        /// Disks, sorted by name.
        public var disks: [Disk]
        /// Network interfaces, sorted by name.
        public var interfaces: [Interface]
        /// What cloud-init is told; no seed when nil. Not observable: the seed's digest stands for it.
        public var cloudInit: CloudInit?
        /// The seed on its CD-ROM; filled in by placement.
        public var seed: Seed?
        /// Serial console and display.
        public var console: Console
        /// Whether it is to run.
        public var power: Power
        /// Whether libvirt starts it with the host.
        public var autostart: Bool
        /// When a start counts as done.
        public var ready: Ready
        /// Whether steps that stop it or lose its data are errors.
        public var protect: Bool
        /// What becomes of devices that the manifest does not know.
        public var unmanagedDevices: UnmanagedDevices
        /// Field paths that are not compared, such as `memory.size`.
        public var ignoreChanges: [String]

        /// A machine's declaration.
        public init(
            host: String? = nil, placement: Placement = Placement(), cpu: CPU, memory: Memory,
            accelerator: Accelerator? = nil, boot: DirectBoot? = nil, disks: [Disk] = [], interfaces: [Interface] = [],
            cloudInit: CloudInit? = nil, seed: Seed? = nil, console: Console = Console(), power: Power = .running,
            autostart: Bool = true, ready: Ready = .running, protect: Bool = false,
            unmanagedDevices: UnmanagedDevices = .keep, ignoreChanges: [String] = []
        ) {
            self.host = host
            self.placement = placement
            self.cpu = cpu
            self.memory = memory
            self.accelerator = accelerator
            self.boot = boot
            self.disks = disks
            self.interfaces = interfaces
            self.cloudInit = cloudInit
            self.seed = seed
            self.console = console
            self.power = power
            self.autostart = autostart
            self.ready = ready
            self.protect = protect
            self.unmanagedDevices = unmanagedDevices
            self.ignoreChanges = ignoreChanges
        }
    }

    /// Processors, as threads the guest sees.
    public struct CPU: Hashable, Sendable, Codable {
        /// How many at start.
        public var count: Int
        /// How many there can be without a restart.
        public var max: Int

        /// Processors; the maximum is the count unless stated.
        public init(count: Int, max: Int? = nil) {
            self.count = count
            self.max = max ?? count
        }
    }

    /// Memory.
    public struct Memory: Hashable, Sendable, Codable {
        /// How much the guest has (libvirt's `currentMemory`). Whole KiB.
        public var size: ByteCount
        /// How much it can have without a restart (libvirt's `memory`). Whole KiB.
        public var max: ByteCount

        /// Memory; the maximum is the size unless stated.
        public init(size: ByteCount, max: ByteCount? = nil) {
            self.size = size
            self.max = max ?? size
        }
    }

    /// Boot of a Linux kernel without a boot loader.
    public struct DirectBoot: Hashable, Sendable, Codable {
        /// The kernel's `Image`, by identity; nil for one observed under a path that is no image of ours.
        public var kernel: String?
        /// The initrd's `Image`, by identity.
        public var initrd: String?
        /// The kernel's command line.
        public var commandLine: String
        /// Where the kernel is stored; filled in by placement.
        public var kernelPath: String?
        /// Where the initrd is stored; filled in by placement.
        public var initrdPath: String?

        /// A direct boot.
        public init(
            kernel: String?, initrd: String? = nil, commandLine: String = "", kernelPath: String? = nil,
            initrdPath: String? = nil
        ) {
            self.kernel = kernel
            self.initrd = initrd
            self.commandLine = commandLine
            self.kernelPath = kernelPath
            self.initrdPath = initrdPath
        }
    }

    /// Whether a machine is to run.
    public enum Power: String, CaseIterable, Codable, Sendable {
        /// It runs.
        case running
        /// It is off.
        case stopped
        /// Left as it is; the guest's own shutdown stays.
        case manual
    }

    /// When a start counts as done.
    public enum Ready: String, CaseIterable, Codable, Sendable {
        /// At once.
        case none
        /// When libvirt says it runs.
        case running
    }

    /// What becomes of devices that the manifest does not know.
    public enum UnmanagedDevices: String, CaseIterable, Codable, Sendable {
        /// They stay and are listed.
        case keep
        /// They go.
        case remove
    }

    /// Name and labels. Of an observed machine the name is libvirt's.
    public var metadata: Metadata
    /// What the manifest says, with what placement fills in.
    @Boxed public var spec: Spec
    /// What was observed or is expected; nil in a manifest.
    @Boxed public var status: Status?

    /// A machine.
    public init(metadata: Metadata, spec: Spec, status: Status? = nil) {
        self.metadata = metadata
        self.spec = spec
        self.status = status
    }
}
