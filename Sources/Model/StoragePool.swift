public import Foundation

/// Where volumes lie.
public struct StoragePool: Hashable, Sendable, Codable {
    /// What keeps the volumes.
    public enum Backend: Hashable, Sendable, Codable {
        /// A folder of disk images, absolute, below one of the host's storage roots.
        case directory(path: String)
        /// A volume group of LVM.
        case lvm(LVM)
        /// An export of an NFS server with disk images.
        case nfs(NFS)
        /// A target of an iSCSI server.
        case iscsi(ISCSI)
        /// A pool of a Ceph cluster.
        case rbd(RBD)
    }

    /// What the manifest says.
    public struct Spec: Hashable, Sendable, Codable {
        /// The hosts that have it, by identity; every host when empty.
        public var hosts: [String]
        /// What keeps the volumes.
        public var backend: Backend
        /// How much more may be promised than a folder has.
        public var overcommit: Double
        /// What to count with instead of what is there.
        public var capacity: ByteCount?
        /// Whether the folder is the same file system on all its hosts; always so of an export and a target.
        public var shared: Bool
        /// Whether libvirt is to keep a machine from starting with a disk that a machine of another host has, by virtlockd.
        public var leases: Bool

        /// A pool's declaration.
        public init(
            hosts: [String] = [], _ backend: Backend, overcommit: Double = 1, capacity: ByteCount? = nil,
            shared: Bool = false, leases: Bool = false
        ) {
            self.hosts = hosts
            self.backend = backend
            self.overcommit = overcommit
            self.capacity = capacity
            self.shared = shared
            self.leases = leases
            if isOnNetwork { self.shared = true }
        }

        /// A folder of disk images.
        public init(
            hosts: [String] = [], path: String, overcommit: Double = 1, capacity: ByteCount? = nil,
            shared: Bool = false, leases: Bool = false
        ) {
            self.init(
                hosts: hosts, .directory(path: path), overcommit: overcommit, capacity: capacity, shared: shared,
                leases: leases)
        }

        /// The folder in which the host shows the volumes: of a volume group, where its device nodes are.
        public var folder: String {
            switch backend {
            case .directory(let path): path
            case .nfs(let nfs): nfs.path
            case .lvm(let lvm): LVM.folder(of: lvm.volumeGroup)
            case .iscsi(let iscsi): iscsi.folder
            case .rbd(let rbd): rbd.folder
            }
        }

        /// Whether images, kernels and seeds can lie in it, as files.
        public var holdsFiles: Bool {
            switch backend {
            case .directory, .nfs: true
            case .lvm, .iscsi, .rbd: false
            }
        }

        /// Whether it is a server's, so that all its hosts reach the same.
        public var isOnNetwork: Bool {
            switch backend {
            case .directory, .lvm: false
            case .nfs, .iscsi, .rbd: true
            }
        }

        /// The volume group; nil of a folder.
        public var lvm: LVM? {
            switch backend {
            case .directory, .nfs, .iscsi, .rbd: nil
            case .lvm(let lvm): lvm
            }
        }

        /// The export; nil of what is not mounted by us.
        public var nfs: NFS? {
            switch backend {
            case .directory, .lvm, .iscsi, .rbd: nil
            case .nfs(let nfs): nfs
            }
        }

        /// The target; nil of what is none.
        public var iscsi: ISCSI? {
            switch backend {
            case .directory, .lvm, .nfs, .rbd: nil
            case .iscsi(let iscsi): iscsi
            }
        }

        /// The cluster's pool; nil of what is none.
        public var rbd: RBD? {
            switch backend {
            case .directory, .lvm, .nfs, .iscsi: nil
            case .rbd(let rbd): rbd
            }
        }

        /// Whether its volumes are reached by QEMU itself, so that nothing of it is on its hosts.
        public var isRemote: Bool { iscsi != nil || rbd != nil }

        /// What it is called by itself, where libvirt does not know it; nil where libvirt does.
        public var ownName: String? { lvm?.volumeGroup ?? iscsi?.target ?? rbd?.pool }

        /// How much more may be promised than there is. Logical volumes that are not thin take what they promise.
        public var promiseRatio: Double {
            switch backend {
            case .directory, .nfs: overcommit
            case .lvm(let lvm): lvm.thinPool?.overprovision ?? 1
            case .iscsi, .rbd: 1
            }
        }
    }

    /// What was observed, or is expected of the placed pool.
    public struct Status: Hashable, Sendable, Codable {
        /// The host, by identity.
        public var host: String
        /// libvirt's UUID; of a volume group or a target, which libvirt does not know, UUIDv5 of the fleet and the identity.
        public var uuid: UUID
        /// libvirt's name, unless adopted `infra-<fleet8>-<id>`; of a volume group or a target its own.
        public var name: String
        /// Whether libvirt has it started, and of an export, that it is mounted; of a volume group, whether all our volumes are active and the declared thin
        /// pool is there.
        public var active: Bool
        /// Whether libvirt starts it with the host; always true of a volume group.
        public var autostart: Bool
        /// Size of the file system below; of a thin pool its own, else what free and our volumes together have. Nil while
        /// not known.
        public var capacity: ByteCount?
        /// What of it is free; nil while not known.
        public var available: ByteCount?
        /// The volume group beside that; nil of a folder, and of what is not observed.
        public var group: VolumeGroup?

        /// An observation.
        public init(
            host: String, uuid: UUID, name: String, active: Bool = true, autostart: Bool = true,
            capacity: ByteCount? = nil, available: ByteCount? = nil, group: VolumeGroup? = nil
        ) {
            self.host = host
            self.uuid = uuid
            self.name = name
            self.active = active
            self.autostart = autostart
            self.capacity = capacity
            self.available = available
            self.group = group
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

extension StoragePool {
    /// Whether a host has it.
    public func isOn(host: String) -> Bool { spec.hosts.isEmpty || spec.hosts.contains(host) }
}
