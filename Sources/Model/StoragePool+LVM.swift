extension StoragePool {
    /// A volume group of LVM, lvm(8), as a manifest says it.
    public struct LVM: Hashable, Sendable, Codable {
        /// Its name on the host.
        public var volumeGroup: String
        /// The block devices it is made from when it is not there, and extended by; absolute paths below `/dev`. As observed,
        /// those of them that it has, and what else it has as LVM calls it.
        public var devices: [String]
        /// Whether one that is there and nobody's is taken over, with its thin pool.
        public var adopt: Bool
        /// The thin pool in which volumes lie; each takes its whole size from the group when nil.
        public var thinPool: ThinPool?
        /// The directory pool, by identity, that has images, kernels and seeds for what lies here; none when nil.
        public var images: String?
        /// Whether what a volume held is overwritten with zeros before its space is given back.
        public var wipe: Bool

        /// A volume group's declaration.
        public init(
            volumeGroup: String, devices: [String] = [], adopt: Bool = false, thinPool: ThinPool? = nil,
            images: String? = nil, wipe: Bool = false
        ) {
            self.volumeGroup = volumeGroup
            self.devices = devices
            self.adopt = adopt
            self.thinPool = thinPool
            self.images = images
            self.wipe = wipe
        }

        /// What sizes are multiples of in groups that we make: LVM's own default extent.
        public static let extentSize = ByteCount.mebibytes(4)

        /// Where a group's device nodes are.
        public static func folder(of volumeGroup: String) -> String { "/dev/\(volumeGroup)" }
    }

    /// A thin pool, lvmthin(7).
    public struct ThinPool: Hashable, Sendable, Codable {
        /// How large it is made.
        public enum Size: Hashable, Sendable, Codable {
            /// That share of what is free in the group then, 1 to 100.
            case percent(Int)
            /// Bytes.
            case bytes(ByteCount)
        }

        /// Its name in the group.
        public var name: String
        /// How large it is made.
        public var size: Size
        /// What its metadata takes beside that; LVM's choice when nil.
        public var metadata: ByteCount?
        /// What is taken at once when a volume is written to; LVM's choice when nil.
        public var chunk: ByteCount?
        /// How much more may be promised than it has.
        public var overprovision: Double
        /// When LVM makes it larger by itself, and by how much; never when nil.
        public var autoextend: Autoextend?

        /// A thin pool's declaration.
        public init(
            name: String, size: Size, metadata: ByteCount? = nil, chunk: ByteCount? = nil, overprovision: Double = 1,
            autoextend: Autoextend? = nil
        ) {
            self.name = name
            self.size = size
            self.metadata = metadata
            self.chunk = chunk
            self.overprovision = overprovision
            self.autoextend = autoextend
        }
    }

    /// How dmeventd(8) makes a thin pool larger while its group has room.
    public struct Autoextend: Hashable, Sendable, Codable {
        /// How full it is then, in percent of what it has; 50 to 99.
        public var threshold: Int
        /// By how much, in percent of what it has; 1 to 100.
        public var by: Int

        /// A declaration.
        public init(threshold: Int, by: Int) {
            self.threshold = threshold
            self.by = by
        }
    }

    /// What was observed of a volume group.
    public struct VolumeGroup: Hashable, Sendable, Codable {
        /// What sizes in it are multiples of.
        public var extent: ByteCount
        /// The declared thin pool; nil when there is none.
        public var thinPool: ThinPoolUse?

        /// An observation.
        public init(extent: ByteCount, thinPool: ThinPoolUse? = nil) {
            self.extent = extent
            self.thinPool = thinPool
        }
    }

    /// What was observed of a thin pool.
    public struct ThinPoolUse: Hashable, Sendable, Codable {
        /// What it has for data.
        public var size: ByteCount
        /// What it has for metadata.
        public var metadata: ByteCount
        /// How much of the data space is taken, 0 to 100; nil while the pool is not active.
        public var dataPercent: Double?
        /// How much of the metadata space is taken, 0 to 100; nil while the pool is not active.
        public var metadataPercent: Double?
        /// When LVM makes it larger by itself, as we have set it; nil when it does not.
        public var autoextend: Autoextend?
        /// Why that is not as we would have it, or cannot be; nil when all is well.
        public var autoextendFlaw: String?

        /// An observation.
        public init(
            size: ByteCount, metadata: ByteCount, dataPercent: Double? = nil, metadataPercent: Double? = nil,
            autoextend: Autoextend? = nil, autoextendFlaw: String? = nil
        ) {
            self.size = size
            self.metadata = metadata
            self.dataPercent = dataPercent
            self.metadataPercent = metadataPercent
            self.autoextend = autoextend
            self.autoextendFlaw = autoextendFlaw
        }
    }
}
