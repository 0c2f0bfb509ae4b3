public import Foundation

/// Where volumes lie: in this version a folder of disk images.
public struct StoragePool: Hashable, Sendable, Codable {
    /// What the manifest says.
    public struct Spec: Hashable, Sendable, Codable {
        /// The hosts that have it, by identity; every host when empty.
        public var hosts: [String]
        /// The folder, absolute, below one of the host's storage roots.
        public var path: String
        /// How much more may be promised than there is.
        public var overcommit: Double
        /// What to count with instead of what is there.
        public var capacity: ByteCount?
        /// Whether the folder is the same file system on all its hosts.
        public var shared: Bool

        /// A pool's declaration.
        public init(
            hosts: [String] = [], path: String, overcommit: Double = 1, capacity: ByteCount? = nil,
            shared: Bool = false
        ) {
            self.hosts = hosts
            self.path = path
            self.overcommit = overcommit
            self.capacity = capacity
            self.shared = shared
        }

        /// Reads a declaration, one of a version that knew nothing of shared pools included.
        public init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            hosts = try values.decode([String].self, forKey: .hosts)
            path = try values.decode(String.self, forKey: .path)
            overcommit = try values.decode(Double.self, forKey: .overcommit)
            capacity = try values.decodeIfPresent(ByteCount.self, forKey: .capacity)
            shared = try values.decodeIfPresent(Bool.self, forKey: .shared) ?? false
        }
    }

    /// What was observed, or is expected of the placed pool.
    public struct Status: Hashable, Sendable, Codable {
        /// The host, by identity.
        public var host: String
        /// libvirt's UUID.
        public var uuid: UUID
        /// libvirt's name; unless adopted `infra-<fleet8>-<id>`.
        public var name: String
        /// Whether libvirt has it started.
        public var active: Bool
        /// Whether libvirt starts it with the host.
        public var autostart: Bool
        /// Size of the file system below; nil while not known.
        public var capacity: ByteCount?
        /// Free space of the file system below; nil while not known.
        public var available: ByteCount?

        /// An observation.
        public init(
            host: String, uuid: UUID, name: String, active: Bool = true, autostart: Bool = true,
            capacity: ByteCount? = nil, available: ByteCount? = nil
        ) {
            self.host = host
            self.uuid = uuid
            self.name = name
            self.active = active
            self.autostart = autostart
            self.capacity = capacity
            self.available = available
        }
    }

    /// Name and labels.
    public var metadata: Metadata
    /// What the manifest says.
    public var spec: Spec
    /// What was observed or is expected; nil in a manifest.
    public var status: Status?

    /// A pool.
    public init(metadata: Metadata, spec: Spec, status: Status? = nil) {
        self.metadata = metadata
        self.spec = spec
        self.status = status
    }
}
