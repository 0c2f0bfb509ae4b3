extension StoragePool {
    /// An export of an NFS server, exports(5), and where its hosts mount it.
    public struct NFS: Hashable, Sendable, Codable {
        /// The server's name in DNS, or its address.
        public var server: String
        /// The folder that it exports; absolute.
        public var export: String
        /// The mount point, the same on all hosts; absolute, below one of each host's storage roots.
        public var path: String

        /// An export's declaration.
        public init(server: String, export: String, path: String) {
            self.server = server
            self.export = export
            self.path = path
        }

        /// What is mounted, as mount.nfs(8) and the kernel's list of mounts call it.
        public var source: String { "\(bracketedServer):\(export)" }

        /// The server as it stands before a colon.
        public var bracketedServer: String { server.contains(":") ? "[\(server)]" : server }
    }
}
