import FlyingSocks
import Foundation
import Logging
import Synchronization

/// Why a server cannot be had.
public enum WatchServerError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Somebody else listens there.
    case inUse(address: String, port: UInt16)
    /// The address is neither of the form `127.0.0.1` nor `::1`.
    case notAnAddress(String)
    /// The address can be reached from elsewhere, and nobody said that it may be.
    case notLoopback(String)
    /// The system refused.
    case refused(String)

    /// One sentence without a full stop.
    public var description: String {
        switch self {
        case .inUse(let address, let port): "port \(port) of \(address) is in use"
        case .notAnAddress(let text): "`\(text)` is no IP address"
        case .notLoopback(let address): "\(address) can be reached from elsewhere; say that this is meant"
        case .refused(let why): "cannot listen: \(why)"
        }
    }
}

/// Health, metrics and the webhook over HTTP.
///
/// The sockets are FlyingSocks'. The reading is ours, because FlyingFox's server has no bound on a head, on the time a
/// client takes and on the number of clients.
public final class WatchServer: Sendable {
    /// Where it listens, and by which names it may be addressed.
    public struct Configuration: Sendable {
        /// An IP address.
        public var address: String
        /// 0 for any.
        public var port: UInt16
        /// Whether an address may be one that other machines reach.
        public var isRemoteAllowed: Bool
        /// More names by which it may be addressed, such as that of a proxy before it.
        public var hosts: [String]
        /// How many clients are served at once; more are sent away.
        public var clients: Int
        /// How long a client may take for its request and to take the answer.
        public var patience: Duration

        /// By default only this machine reaches it.
        public init(
            address: String = "127.0.0.1", port: UInt16, isRemoteAllowed: Bool = false, hosts: [String] = [],
            clients: Int = 32, patience: Duration = .seconds(10)
        ) {
            self.address = address
            self.port = port
            self.isRemoteAllowed = isRemoteAllowed
            self.hosts = hosts
            self.clients = clients
            self.patience = patience
        }
    }

    /// The port it listens on.
    public let port: UInt16
    private let task: Task<Void, Never>

    private init(port: UInt16, task: Task<Void, Never>) {
        self.port = port
        self.task = task
    }

    deinit { task.cancel() }

    /// Listens from now on. Without a webhook there is no such route.
    public static func start(
        _ configuration: Configuration, metrics: WatchMetrics, health: WatchHealth, webhook: Webhook? = nil
    ) async throws(WatchServerError) -> WatchServer {
        let socket = try WebListener.open(configuration)
        let pool = SocketPool.ePoll()
        do { try await pool.prepare() } catch {
            try? socket.close()
            throw .refused("\(error)")
        }
        let names = ["localhost", "127.0.0.1", "::1", configuration.address.lowercased()]
        let routes = WebRoutes(
            hosts: Set(names + configuration.hosts.map { $0.lowercased() }), metrics: metrics, health: health,
            webhook: webhook)
        let listener = WebListener(
            socket: socket, pool: pool, routes: routes, clients: configuration.clients,
            patience: configuration.patience)
        let port =
            switch try? socket.sockname() {
            case .ip4(_, let port), .ip6(_, let port): port
            default: configuration.port
            }
        return WatchServer(port: port, task: Task { await listener.run() })
    }

    /// Ends it, with the requests that are under way.
    public func stop() async {
        task.cancel()
        await task.value
    }
}
