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

/// Answers requests on a watcher's socket. Whoever may open the socket may ask; it is for root alone unless a group is
/// named.
public final class ControlServer: Sendable {
    private let path: String
    private let socket: AsyncSocket
    private let watcher: Watcher

    /// Listens at a path.
    /// - Parameter group: The group whose members may ask, by number.
    public init(path: String, group: gid_t?, watcher: Watcher) async throws(ControlError) {
        self.path = path
        self.watcher = watcher
        guard path.utf8.count < 108 else { throw .unusable(path, reason: "longer than a socket's path may be") }
        if (try? await LineSocket.connect(path)) != nil { throw .inUse(path) }
        do {
            let folder = URL(filePath: path).deletingLastPathComponent()
            try FileManager.default.createDirectory(
                at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
            var status = stat()
            if lstat(path, &status) == 0 {
                guard status.st_mode & S_IFMT == S_IFSOCK else {
                    throw ControlError.unusable(path, reason: "is there and is no socket")
                }
                unlink(path)
            }
            let socket = try Socket(domain: AF_UNIX, type: .stream)
            let mask = umask(0o177)
            defer { umask(mask) }
            try socket.bind(to: .unix(path: path))
            if let group {
                guard lchown(path, uid_t.max, group) == 0, chmod(path, 0o660) == 0 else {
                    throw ControlError.unusable(path, reason: String(cString: strerror(errno)))
                }
            }
            try socket.listen()
            self.socket = try await AsyncSocket(socket: socket, pool: .client)
        } catch let error as ControlError {
            throw error
        } catch {
            throw .unusable(path, reason: "\(error)")
        }
    }

    /// Serves until it is cancelled.
    public func run() async {
        await withDiscardingTaskGroup { group in
            while !Task.isCancelled {
                guard let client = try? await socket.accept() else {
                    // Out of descriptors, say: others close theirs.
                    if (try? await Task.sleep(for: .milliseconds(100))) == nil { break }
                    continue
                }
                group.addTask { [watcher] in await ControlConversation(LineSocket(client), watcher).run() }
            }
        }
        try? socket.close()
        unlink(path)
    }
}
