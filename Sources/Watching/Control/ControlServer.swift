import FlyingSocks
public import Foundation
import Model
import Synchronization

/// Why a watcher's socket cannot be had.
public enum ControlError: Error, Sendable, CustomStringConvertible {
    /// Another watcher answers there.
    case inUse(String)
    /// It cannot be made or reached.
    case unusable(String, reason: String)

    /// One sentence for a reader.
    public var description: String {
        switch self {
        case .inUse(let path): "another watcher answers at \(path); give this one a --socket of its own"
        case .unusable(let path, let reason): "\(path): \(reason)"
        }
    }
}

/// How much of a watcher its clients may have.
public struct ControlLimits: Sendable {
    /// How many are served at once; more are sent away.
    public var clients: Int
    /// How long a client may take for a short request, and to take one line of an answer.
    public var patience: Duration
    /// How long it may take for a whole fleet's manifests.
    public var longPatience: Duration
    /// How long it may listen. Who wants to know more asks `infra log`.
    public var listening: Duration

    /// Enough for a team that pushes.
    public init(
        clients: Int = 32, patience: Duration = .seconds(10), longPatience: Duration = .seconds(60),
        listening: Duration = .seconds(900)
    ) {
        self.clients = clients
        self.patience = patience
        self.longPatience = longPatience
        self.listening = listening
    }
}

/// Answers requests on a watcher's socket. Whoever may open the socket may ask; it is for its own user alone unless a
/// group is named.
public final class ControlServer: Sendable {
    private let place: ControlSocket
    private let pool: SocketPool<ePoll>
    private let watcher: Watcher
    private let limits: ControlLimits
    private let previews = ControlTurn()

    /// Listens at a path.
    /// - Parameter group: The group whose members may ask, by number.
    public init(
        path: String, group: gid_t?, watcher: Watcher, limits: ControlLimits = ControlLimits()
    ) async throws(ControlError) {
        self.watcher = watcher
        self.limits = limits
        place = try ControlSocket(path, group: group)
        pool = SocketPool.ePoll()
        do { try await pool.prepare() } catch {
            place.close()
            throw .unusable(path, reason: "\(error)")
        }
    }

    /// Serves until it is cancelled.
    public func run() async {
        let loop = Task { [pool] in try await pool.run() }
        await accept()
        // The clients' sockets wait in the pool, which ends last.
        loop.cancel()
        _ = await loop.result
        place.close()
    }

    private func accept() async {
        let count = Counter()
        await withDiscardingTaskGroup { group in
            while !Task.isCancelled {
                let file = Foundation.accept(place.socket.file.rawValue, nil, nil)
                guard file >= 0 else {
                    guard await wait(errno) else { break }
                    continue
                }
                // No child of ours is to keep a client waiting.
                _ = fcntl(file, F_SETFD, FD_CLOEXEC)
                guard let line = try? LineSocket(file, pool: pool, patience: limits.longPatience) else {
                    close(file)
                    continue
                }
                let number = count.add(1)
                group.addTask { [watcher, previews, limits] in
                    if number <= limits.clients {
                        await ControlConversation(line, watcher, previews, limits).run()
                    } else if number <= 2 * limits.clients {
                        await line.turnAway(ControlReply.failed("too many ask at once; try again later"))
                    }
                    await line.close()
                    count.add(-1)
                }
            }
            group.cancelAll()
        }
    }

    /// Waits for the next client after there was none; false to end.
    private func wait(_ error: Int32) async -> Bool {
        switch error {
        case EAGAIN:
            do { try await pool.suspendSocket(place.socket, untilReadyFor: .connection) } catch { return false }
        case EINTR, ECONNABORTED: break
        default:
            // Out of descriptors, say: others close theirs.
            do { try await Task.sleep(for: .milliseconds(100)) } catch { return false }
        }
        return true
    }

    private final class Counter: Sendable {
        private let value = Atomic(0)

        @discardableResult func add(_ amount: Int) -> Int { value.add(amount, ordering: .relaxed).newValue }
    }
}
