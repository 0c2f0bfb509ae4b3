public import Foundation

extension StoragePool {
    /// A pool of a Ceph cluster, whose RBD images are volumes. QEMU reaches them itself; nothing is made for it on a host.
    public struct RBD: Hashable, Sendable, Codable {
        /// The names or addresses of the cluster's monitors; those of each host's own `ceph.conf` when empty.
        public var monitors: [String]
        /// Their TCP port.
        public var port: Int
        /// The pool's name in the cluster.
        public var pool: String
        /// Who QEMU is to the cluster; nil where nobody is asked.
        public var auth: Auth?

        /// Who somebody is to the cluster.
        public struct Auth: Hashable, Sendable, Codable {
            /// The name, without `client.` before it.
            public var user: String
            /// libvirt's secret on each host that has the key.
            public var secret: UUID

            /// Somebody.
            public init(user: String, secret: UUID) {
                self.user = user
                self.secret = secret
            }
        }

        /// The port of monitors that speak the first version of their protocol.
        public static let defaultPort = 6789

        /// A pool's declaration.
        public init(monitors: [String] = [], port: Int = defaultPort, pool: String, auth: Auth? = nil) {
            self.monitors = monitors
            self.port = port
            self.pool = pool
            self.auth = auth
        }

        /// The place of its images, as a URL.
        public var folder: String {
            let who = auth.map { "\($0.user):\($0.secret.lowercased)@" } ?? ""
            let servers = monitors.map { "\(StoragePool.bracketed($0)):\(port)" }.joined(separator: ",")
            return "\(RBDImage.scheme)\(who)\(servers)/\(pool)"
        }
    }

    /// An image in a pool of a Ceph cluster.
    public struct RBDImage: Hashable, Sendable {
        /// Where it is.
        public var place: RBD
        /// Its name there.
        public var name: String

        fileprivate static let scheme = "rbd://"

        /// An image.
        public init(place: RBD, name: String) {
            self.place = place
            self.name = name
        }

        /// Where it is, `rbd://[<user>:<secret>@]<monitor>:<port>,…/<pool>/<image>`: what a volume's path is to a file.
        public var path: String { "\(place.folder)/\(name)" }

        /// Reads `path`; nil for anything else.
        public init?(path: String) {
            guard Self.isPath(path) else { return nil }
            let parts = path.dropFirst(Self.scheme.count).split(separator: "/", omittingEmptySubsequences: false)
            guard parts.count == 3 else { return nil }
            let halves = parts[0].split(separator: "@", omittingEmptySubsequences: false)
            var auth: RBD.Auth?
            if halves.count == 2 {
                let who = halves[0].split(separator: ":", omittingEmptySubsequences: false)
                guard who.count == 2, let secret = UUID(uuidString: String(who[1])) else { return nil }
                auth = RBD.Auth(user: String(who[0]), secret: secret)
            }
            var monitors: [String] = []
            var port = RBD.defaultPort
            for monitor in (halves.last ?? "").split(separator: ",") {
                guard let colon = monitor.lastIndex(of: ":"), let number = Int(monitor[colon...].dropFirst()) else {
                    return nil
                }
                monitors.append(monitor[..<colon].filter { $0 != "[" && $0 != "]" })
                port = number
            }
            self.init(
                place: RBD(monitors: monitors, port: port, pool: String(parts[1]), auth: auth), name: String(parts[2]))
            guard self.path == path else { return nil }
        }

        /// Whether a path is that of an image of a cluster, and not of a file.
        public static func isPath(_ path: String) -> Bool { path.hasPrefix(scheme) }
    }

    /// Whether a path is that of a disk which QEMU reaches over the network itself, and not of a file or a device.
    public static func isRemote(_ path: String) -> Bool { LogicalUnit.isPath(path) || RBDImage.isPath(path) }

    /// A server as it stands before a colon.
    static func bracketed(_ server: String) -> String { server.contains(":") ? "[\(server)]" : server }
}
