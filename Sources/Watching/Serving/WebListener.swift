import FlyingSocks
import Foundation
import Logging
import Synchronization

/// Accepts clients, up to a number of them.
struct WebListener: Sendable {
    let socket: Socket
    let pool: SocketPool<ePoll>
    let routes: WebRoutes
    let clients: Int
    let patience: Duration
    private let log = Logger(label: "infra.http")

    init(socket: Socket, pool: SocketPool<ePoll>, routes: WebRoutes, clients: Int, patience: Duration) {
        self.socket = socket
        self.pool = pool
        self.routes = routes
        self.clients = clients
        self.patience = patience
    }

    /// A socket that listens.
    static func open(_ configuration: WatchServer.Configuration) throws(WatchServerError) -> Socket {
        let address = configuration.address
        let isLoopback = address == "::1" || address.hasPrefix("127.")
        do {
            let socket: Socket
            if let four = try? sockaddr_in.inet(ip4: address, port: configuration.port) {
                guard isLoopback || configuration.isRemoteAllowed else { throw WatchServerError.notLoopback(address) }
                socket = try listening(four, AF_INET)
            } else if let six = try? sockaddr_in6.inet6(ip6: address, port: configuration.port) {
                guard isLoopback || configuration.isRemoteAllowed else { throw WatchServerError.notLoopback(address) }
                socket = try listening(six, AF_INET6)
            } else {
                throw WatchServerError.notAnAddress(address)
            }
            return socket
        } catch let error as WatchServerError {
            throw error
        } catch SocketError.failed(_, EADDRINUSE, _) {
            throw .inUse(address: address, port: configuration.port)
        } catch SocketError.failed(_, _, let message) {
            throw .refused(message)
        } catch {
            throw .refused("\(error)")
        }
    }

    private static func listening(_ address: some SocketAddress, _ family: Int32) throws -> Socket {
        let socket = try Socket(domain: family)
        do {
            // No child of ours is to hold the port.
            _ = fcntl(socket.file.rawValue, F_SETFD, FD_CLOEXEC)
            try socket.setValue(true, for: .localAddressReuse)
            try socket.setFlags(.nonBlocking)
            try socket.bind(to: address)
            try socket.listen()
            return socket
        } catch {
            try? socket.close()
            throw error
        }
    }

    /// Serves until it is cancelled.
    func run() async {
        let loop = Task { try await pool.run() }
        await accept()
        // The clients' sockets wait in the pool, which ends last.
        loop.cancel()
        _ = await loop.result
        try? socket.close()
    }

    private func accept() async {
        let count = Counter()
        await withDiscardingTaskGroup { group in
            while !Task.isCancelled {
                let file = Foundation.accept(socket.file.rawValue, nil, nil)
                guard file >= 0 else {
                    guard await wait(errno) else { break }
                    continue
                }
                _ = fcntl(file, F_SETFD, FD_CLOEXEC)
                let client = WebClient(
                    socket: Socket(file: Socket.FileDescriptor(rawValue: file)), pool: pool, routes: routes,
                    patience: patience)
                guard count.add(1) <= clients else {
                    count.add(-1)
                    client.turnAway()
                    continue
                }
                group.addTask {
                    await client.serve()
                    count.add(-1)
                }
            }
            group.cancelAll()
        }
    }

    /// Waits for the next client after `accept4` gave none; false to end.
    private func wait(_ error: Int32) async -> Bool {
        switch error {
        case EAGAIN:
            do { try await pool.suspendSocket(socket, untilReadyFor: .connection) } catch { return false }
        case EINTR, ECONNABORTED: break
        case EMFILE, ENFILE, ENOBUFS, ENOMEM:
            // Descriptors come back when clients leave.
            do { try await Task.sleep(for: .milliseconds(200)) } catch { return false }
        default:
            log.error("no clients any more: \(String(cString: strerror(error)))")
            return false
        }
        return true
    }

    private final class Counter: Sendable {
        private let value = Atomic(0)

        @discardableResult func add(_ amount: Int) -> Int { value.add(amount, ordering: .relaxed).newValue }
    }
}

extension SocketPool {
    /// Returns once what the pool was doing is done. A descriptor that is closed while the pool still forgets it would
    /// be taken for the next one of that number.
    func settle() {}
}
