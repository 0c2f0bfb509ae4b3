public import Foundation

/// A disk in a pool.
public struct Volume: Hashable, Sendable, Codable {
    /// How the bytes are to be read. Stated, never probed.
    public enum Format: String, CaseIterable, Codable, Sendable {
        /// QEMU's copy-on-write format; thin.
        case qcow2
        /// Bytes as the guest sees them; sparse.
        case raw
    }

    /// How a volume made from an image or another volume holds its contents.
    public enum Clone: String, CaseIterable, Codable, Sendable {
        /// A thin layer over the image; a thin snapshot of the volume.
        case linked
        /// A copy of its own.
        case full
    }

    /// What the manifest says.
    public struct Spec: Hashable, Sendable, Codable {
        /// The pool, by identity.
        public var pool: String
        /// The size the guest sees.
        public var size: ByteCount
        /// The image it starts from, by identity; empty when nil.
        public var image: String?
        /// The volume that it is a copy of, as that is when this one is made, by identity; of none when nil.
        public var source: String?
        /// The snapshot that it starts from, by identity; from none when nil.
        public var snapshot: String?
        /// Which disk of the snapshot; that of its own name when nil, or the only one there is.
        public var snapshotDisk: String?
        /// The volume that it is a copy of, as that was when it was deleted, by identity; of none when nil.
        public var deleted: String?
        /// Which generation of the snapshot, or which time that the volume was deleted; the last one when nil.
        public var snapshotMoment: Moment?
        /// How it holds the contents of these.
        public var clone: Clone
        /// How the bytes are to be read.
        public var format: Format
        /// What becomes of the data when the volume leaves the fleet.
        public var deletion: Deletion
        /// Whether a retained volume of that identity may be taken up again.
        public var reuse: Bool
        /// The file's own name in the pool, of one that is adopted; derived when nil.
        public var file: String?
        /// The number of the logical unit that it is, of one on an iSCSI target.
        public var lun: Int?
        /// The name of the RBD image that it is, of one in a pool of a Ceph cluster.
        public var rbdImage: String?

        /// A volume's declaration.
        public init(
            pool: String, size: ByteCount, image: String? = nil, source: String? = nil, snapshot: String? = nil,
            snapshotDisk: String? = nil, deleted: String? = nil, snapshotMoment: Moment? = nil,
            clone: Clone = .linked, format: Format = .qcow2, deletion: Deletion = .retain, reuse: Bool = false,
            file: String? = nil, lun: Int? = nil, rbdImage: String? = nil
        ) {
            self.pool = pool
            self.size = size
            self.image = image
            self.source = source
            self.snapshot = snapshot
            self.snapshotDisk = snapshotDisk
            self.deleted = deleted
            self.snapshotMoment = snapshotMoment
            self.clone = clone
            self.format = format
            self.deletion = deletion
            self.reuse = reuse
            self.file = file
            self.lun = lun
            self.rbdImage = rbdImage
        }
    }

    /// What the volume says about itself: a file as JSON in its extended attribute `user.infra`, a logical volume as tags.
    public struct Mark: Hashable, Sendable, Codable {
        /// The fleet it belongs to.
        public var fleet: UUID
        /// Its identity there.
        public var id: String
        /// What becomes of the data when the volume leaves the fleet, as of the last apply.
        public var deletion: Deletion
        /// SHA-256 of the image it started from, or `Volume/<id>` or `Snapshot/<id>`; nil when it started empty.
        public var origin: String?
        /// True once the machine or the declaration it served left the fleet and the data was kept.
        public var retained: Bool
        /// The file's own name, of one that was adopted: a copy under another name is not this volume.
        public var file: String?
        /// How the bytes of one that was adopted are to be read: its name does not say.
        public var format: Format?
        /// What it is beside another copy, while its machine moves or moved; nil of the one that counts.
        public var copy: Copy?
        /// True of a file that several hosts reach, for as long as it is there; nil of one that is its host's alone.
        public var shared: Bool?
        /// What it is of a snapshot; nil of any other volume.
        public var part: Snapshot.Part?
        /// The path of the logical unit that it is behind, for as long as it is there; nil of any other volume.
        public var unit: String?
        /// When it was deleted and until when it stays; nil of one that was not.
        public var deleted: Deleted?

        /// A mark.
        public init(
            fleet: UUID, id: String, deletion: Deletion, origin: String? = nil, retained: Bool = false,
            file: String? = nil,
            format: Format? = nil, copy: Copy? = nil, shared: Bool? = nil, part: Snapshot.Part? = nil,
            unit: String? = nil, deleted: Deleted? = nil
        ) {
            self.fleet = fleet
            self.id = id
            self.deletion = deletion
            self.origin = origin
            self.retained = retained
            self.file = file
            self.format = format
            self.copy = copy
            self.shared = shared
            self.part = part
            self.unit = unit
            self.deleted = deleted
        }
    }

    /// A copy of a volume that does not count. Its text is `incoming`, `moved-to <host>`, `incoming-from <pool>` or
    /// `moved-to-pool <pool>`.
    public enum Copy: Hashable, Sendable, Codable, RawRepresentable {
        /// Made for a machine that moves here; worth nothing before it has.
        case incoming
        /// Left behind by a machine that moved to that host, by identity.
        case movedTo(String)
        /// Made for what lies in that pool of the same host, by identity, which may be its own; worth nothing before all of it
        /// is here.
        case incomingFrom(pool: String)
        /// Left behind by what moved to that pool of the same host, by identity.
        case movedToPool(String)

        private static let moved = "moved-to "
        private static let incomingFromPool = "incoming-from "
        private static let movedToPool = "moved-to-pool "

        /// Reads the text.
        public init?(rawValue: String) {
            func rest(_ prefix: String) -> String? {
                rawValue.hasPrefix(prefix) && rawValue.count > prefix.count
                    ? String(rawValue.dropFirst(prefix.count)) : nil
            }
            if rawValue == "incoming" {
                self = .incoming
            } else if let host = rest(Self.moved) {
                self = .movedTo(host)
            } else if let pool = rest(Self.incomingFromPool) {
                self = .incomingFrom(pool: pool)
            } else if let pool = rest(Self.movedToPool) {
                self = .movedToPool(pool)
            } else {
                return nil
            }
        }

        /// The text.
        public var rawValue: String {
            switch self {
            case .incoming: "incoming"
            case .movedTo(let host): Self.moved + host
            case .incomingFrom(let pool): Self.incomingFromPool + pool
            case .movedToPool(let pool): Self.movedToPool + pool
            }
        }

        /// Whether it is a copy beside the one that counts on the same host.
        public var isOfPool: Bool {
            switch self {
            case .incoming, .movedTo: false
            case .incomingFrom, .movedToPool: true
            }
        }

        /// Whether it was made to be filled, and may hold anything.
        public var isUnfilled: Bool {
            switch self {
            case .incoming, .incomingFrom: true
            case .movedTo, .movedToPool: false
            }
        }
    }

    /// What was observed, or is expected of the placed volume.
    public struct Status: Hashable, Sendable, Codable {
        /// The host, by identity.
        public var host: String
        /// UUIDv5 of the fleet and the identity.
        public var uuid: UUID
        /// The absolute path; unless adopted `…/<id>.<uuid8>.<format>` or `…/<id>.<uuid8>-b.<format>`, of a logical volume
        /// `/dev/<group>/i-<uuid8>-<id>`, of a logical unit `iscsi://<portal>:<port>/<target>/<number>`, of an RBD image
        /// `rbd://…/<pool>/<image>`.
        public var path: String
        /// What the file says about itself; nil when it says nothing.
        public var mark: Mark?
        /// The file it is a layer over.
        public var backing: String?
        /// Bytes taken from the file system; nil while not known.
        public var allocation: ByteCount?
        /// Whether this is an unfinished file under a `….staged` name.
        public var staged: Bool

        /// An observation.
        public init(
            host: String, uuid: UUID, path: String, mark: Mark? = nil, backing: String? = nil,
            allocation: ByteCount? = nil, staged: Bool = false
        ) {
            self.host = host
            self.uuid = uuid
            self.path = path
            self.mark = mark
            self.backing = backing
            self.allocation = allocation
            self.staged = staged
        }

        /// What the second name of a volume's file has behind its hex digits.
        static let secondSuffix = "-b"

        /// Whether its file has the second of its two names.
        public var isSecond: Bool {
            guard !isLogical, let dot = path.lastIndex(of: ".") else { return false }
            return path[..<dot].hasSuffix(Self.secondSuffix)
        }

        /// Whether it is a logical volume, and no file.
        public var isLogical: Bool { path.hasPrefix("/dev/") }

        /// Whether QEMU reaches it over the network itself, as a logical unit of an iSCSI target, so that it is no file.
        public var isUnit: Bool { StoragePool.isRemote(path) }
    }

    /// Name and labels. The name of a disk declared inside a machine is `<vm>.<disk>`.
    public var metadata: Metadata
    /// What the manifest says.
    @Boxed public var spec: Spec
    /// What was observed or is expected; nil in a manifest.
    @Boxed public var status: Status?

    /// A volume.
    public init(metadata: Metadata, spec: Spec, status: Status? = nil) {
        self.metadata = metadata
        self.spec = spec
        self.status = status
    }
}
