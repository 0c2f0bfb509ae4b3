/// What the disks of a machine, or one volume, held at a moment, kept to come back to. It is taken anew by its schedule, and each
/// time is a generation of it: volumes of their own, which nobody writes to.
public struct Snapshot: Hashable, Sendable, Codable {
    /// When it is taken anew.
    public enum Schedule: Hashable, Sendable, Codable {
        /// When the last one is that many seconds old.
        case every(seconds: Int)
        /// At that minute of each day, of UTC.
        case daily(minute: Int)
    }

    /// What the manifest says.
    public struct Spec: Hashable, Sendable, Codable {
        /// The machine whose disks it is of, by identity; nil when it is of one volume.
        public var machine: String?
        /// The volume it is of, by identity; nil when it is of a machine.
        public var volume: String?
        /// Where it lies, by identity; each part in the pool of what it is of when nil.
        public var pool: String?
        /// How many generations stay.
        public var keep: Int
        /// When it is taken anew; once and never again when nil.
        public var schedule: Schedule?
        /// What becomes of the data when the snapshot leaves the fleet.
        public var deletion: Deletion
        /// Whether generations that were kept when it left the fleet are its own again.
        public var reuse: Bool

        /// A snapshot's declaration.
        public init(
            machine: String? = nil, volume: String? = nil, pool: String? = nil, keep: Int = 1,
            schedule: Schedule? = nil, deletion: Deletion = .retain, reuse: Bool = false
        ) {
            self.machine = machine
            self.volume = volume
            self.pool = pool
            self.keep = keep
            self.schedule = schedule
            self.deletion = deletion
            self.reuse = reuse
        }
    }

    /// What a volume says that is a part of a snapshot.
    public struct Part: Hashable, Sendable, Codable {
        /// The snapshot, by identity.
        public var snapshot: String
        /// Which of its generations: when it was planned.
        public var moment: Moment
        /// All parts of that generation, by the names of the disks, sorted.
        public var disks: [String]
        /// When it was taken; nil of one that is planned.
        public var taken: Moment?

        /// A part of a snapshot.
        public init(snapshot: String, moment: Moment, disks: [String], taken: Moment? = nil) {
            self.snapshot = snapshot
            self.moment = moment
            self.disks = disks
            self.taken = taken
        }

        /// The identity of the volume that holds a disk of a generation. No name holds a dot, so it is nobody else's.
        public static func volume(_ snapshot: String, _ moment: Moment, disk: String) -> String {
            "\(snapshot).\(moment.word).\(disk)"
        }

        /// What the identity of such a volume says; nil of another volume's.
        public static func named(by volume: String) -> (snapshot: String, moment: Moment, disk: String)? {
            let parts = volume.split(separator: ".", omittingEmptySubsequences: false).map { String($0) }
            guard parts.count == 3, let moment = Moment(parts[1]), moment.word == parts[1] else { return nil }
            return (parts[0], moment, parts[2])
        }
    }

    /// Name and labels.
    public var metadata: Metadata
    /// What the manifest says.
    public var spec: Spec

    /// A snapshot.
    public init(metadata: Metadata, spec: Spec) {
        self.metadata = metadata
        self.spec = spec
    }
}
