extension StoragePool {
    /// A target of an iSCSI server (RFC 7143), whose logical units are volumes. QEMU reaches them itself; nothing is made for
    /// it on a host.
    public struct ISCSI: Hashable, Sendable, Codable {
        /// The server's name in DNS, or its address.
        public var portal: String
        /// Its TCP port.
        public var port: Int
        /// The target's name, `iqn.…`.
        public var target: String
        /// Where its units are made; they are there already when nil.
        public var manage: Management?

        /// The host on which the target's server runs, and where what is behind its units lies there.
        public struct Management: Hashable, Sendable, Codable {
            /// The host, by identity.
            public var host: String
            /// The folder of their files, absolute, below one of the host's storage roots.
            public var directory: String

            /// A host and a folder.
            public init(host: String, directory: String) {
                self.host = host
                self.directory = directory
            }
        }

        /// The port that IANA gives iSCSI.
        public static let defaultPort = 3260

        /// A target's declaration.
        public init(portal: String, port: Int = defaultPort, target: String, manage: Management? = nil) {
            self.portal = portal
            self.port = port
            self.target = target
            self.manage = manage
        }

        /// The place of its logical units, as a URL.
        public var folder: String {
            "\(LogicalUnit.scheme)\(StoragePool.bracketed(portal)):\(port)/\(target)"
        }
    }

    /// A logical unit of a target.
    public struct LogicalUnit: Hashable, Sendable {
        /// Whose it is.
        public var target: ISCSI
        /// Its number there.
        public var number: Int

        fileprivate static let scheme = "iscsi://"

        /// A logical unit.
        public init(target: ISCSI, number: Int) {
            self.target = target
            self.target.manage = nil
            self.number = number
        }

        /// Where it is, `iscsi://<portal>:<port>/<target>/<number>`: what a volume's path is to a file.
        public var path: String { "\(target.folder)/\(number)" }

        /// Reads `path`; nil for anything else.
        public init?(path: String) {
            guard Self.isPath(path) else { return nil }
            let parts = path.dropFirst(Self.scheme.count).split(separator: "/", omittingEmptySubsequences: false)
            guard parts.count == 3, let number = Int(parts[2]), let colon = parts[0].lastIndex(of: ":"),
                let port = Int(parts[0][colon...].dropFirst())
            else { return nil }
            let portal = parts[0][..<colon].filter { $0 != "[" && $0 != "]" }
            self.init(target: ISCSI(portal: portal, port: port, target: String(parts[1])), number: number)
            guard self.path == path else { return nil }
        }

        /// Whether a path is that of a logical unit, and not of a file.
        public static func isPath(_ path: String) -> Bool { path.hasPrefix(scheme) }
    }
}

extension StoragePool {
    /// The pool as a host has it: the one that manages a target's units has a folder of their files.
    public func seen(from host: String) -> StoragePool {
        guard let manage = spec.iscsi?.manage, manage.host == host else { return self }
        var pool = self
        pool.spec.hosts = [host]
        pool.spec.backend = .directory(path: manage.directory)
        pool.spec.shared = false
        return pool
    }
}

extension Volume {
    /// What is there on a server, as an observation shows it: it carries no mark.
    public func asUnit(in pool: StoragePool.Spec, on host: String, _ identity: Identity) -> Volume {
        let id = metadata.identity
        return Volume(
            metadata: Metadata(name: id),
            spec: Spec(
                pool: spec.pool, size: spec.size, clone: .full, format: .raw, lun: spec.lun, rbdImage: spec.rbdImage),
            status: Status(
                host: host, uuid: identity.uuid(ResourceID(.volume, id)), path: identity.path(of: id, spec, in: pool)))
    }
}
