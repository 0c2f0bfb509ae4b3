import FlyingSocks
import Foundation

/// A watcher's place in the file system: its socket, and the lock beside it that says whose it is.
struct ControlSocket: Sendable {
    /// Listens, and does not block.
    let socket: Socket
    private let path: String
    private let lock: Int32

    /// Listens at a path. Whoever holds the lock lives; what a dead one left is removed.
    ///
    /// - Parameter group: The group whose members may connect, by number; without it the user of this process alone.
    init(_ path: String, group: gid_t?) throws(ControlError) {
        guard path.utf8.count < 108 else { throw .unusable(path, reason: "longer than a socket's path may be") }
        try Self.makeFolder(of: path, for: group)
        let lock = open("\(path).lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard lock >= 0 else { throw Self.failure(path) }
        do throws(ControlError) {
            guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
                throw errno == EWOULDBLOCK ? .inUse(path) : Self.failure(path)
            }
            try Self.removeRemains(path)
            socket = try Self.listen(path, group)
        } catch {
            Foundation.close(lock)
            throw error
        }
        self.path = path
        self.lock = lock
    }

    /// Leaves the place to another. The lock's file stays: one that was removed could be locked twice.
    func close() {
        unlink(path)
        try? socket.close()
        Foundation.close(lock)
    }

    /// The folder has to be one in which nobody else puts a file in our file's place, and which the group can enter.
    private static func makeFolder(of path: String, for group: gid_t?) throws(ControlError) {
        let folder = URL(filePath: path).deletingLastPathComponent().path(percentEncoded: false)
        try? FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        var status = stat()
        guard stat(folder, &status) == 0 else { throw failure(folder) }
        let mode = status.st_mode
        guard mode & 0o022 == 0 || mode & S_ISVTX != 0 else {
            throw .unusable(path, reason: "others may put files into \(folder); take a folder of your own")
        }
        guard let group else { return }
        guard mode & 0o001 != 0 || (status.st_gid == group && mode & 0o010 != 0) else {
            let digits = String(mode & 0o777, radix: 8)
            throw .unusable(
                path, reason: "members of the group cannot enter \(folder), which has mode \(digits); 755 is enough")
        }
    }

    private static func removeRemains(_ path: String) throws(ControlError) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw .unusable(path, reason: "is there and is no socket")
        }
        unlink(path)
    }

    private static func listen(_ path: String, _ group: gid_t?) throws(ControlError) -> Socket {
        let descriptor = Foundation.socket(
            AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard descriptor >= 0 else { throw failure(path) }
        let socket = Socket(file: Socket.FileDescriptor(rawValue: descriptor))
        do {
            // The file takes its mode from the socket (unix_bind in Linux), so it is never open to more than these.
            guard fchmod(descriptor, 0o600) == 0 else { throw failure(path) }
            try socket.bind(to: .unix(path: path))
            if let group {
                guard lchown(path, uid_t.max, group) == 0, chmod(path, 0o660) == 0 else { throw failure(path) }
            }
            try socket.listen()
            return socket
        } catch {
            Foundation.close(descriptor)
            throw error as? ControlError ?? .unusable(path, reason: "\(error)")
        }
    }

    private static func failure(_ path: String) -> ControlError {
        .unusable(path, reason: String(cString: strerror(errno)))
    }
}
