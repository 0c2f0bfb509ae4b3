import Foundation
import Synchronization

/// A folder that only this user can look into, for a socket and what ssh(1) reads. It goes when it is let go, and when the
/// process ends by itself; what a process that was killed has left goes when the next one makes its own.
final class PrivateFolder: Sendable {
    private static let prefix = "infra-ssh."
    private static let living = Mutex(Set<String>())
    /// Once for the process.
    private static let removedAtExit: Void = { _ = atexit { PrivateFolder.removeAll() } }()

    /// The folder: an absolute path of letters, digits and `/._-` alone.
    let path: String
    /// Holds `flock` on the folder, by which one in use is told from one that was left.
    private let descriptor: Int32

    /// Makes the folder below `TMPDIR`, or `/tmp`.
    /// - Throws: `.surprise` when there is no room or no right to.
    init() throws(HostError) {
        let base = Self.base
        Self.sweep(base)
        _ = Self.removedAtExit
        // One that is being swept just as it is made is made again.
        for _ in 0..<8 {
            var name = Array("\(base)/\(Self.prefix)XXXXXX".utf8CString)
            guard let made = mkdtemp(&name) else { break }
            let path = String(cString: made)
            let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            var held = stat()
            var there = stat()
            if descriptor >= 0, flock(descriptor, LOCK_EX) == 0, fstat(descriptor, &held) == 0,
                lstat(path, &there) == 0, held.st_ino == there.st_ino
            {
                self.path = path
                self.descriptor = descriptor
                Self.living.withLock { _ = $0.insert(path) }
                return
            }
            if descriptor >= 0 { close(descriptor) }
        }
        throw .surprise("no private folder can be made below \(base): \(String(cString: strerror(errno)))")
    }

    deinit {
        Self.living.withLock { _ = $0.remove(path) }
        Self.remove(path)
        close(descriptor)
    }

    /// Removes those that are there still.
    static func removeAll() { living.withLock(\.self).forEach(remove) }

    /// The path of a file in it.
    func file(_ name: String) -> String { "\(path)/\(name)" }

    /// Writes a new file.
    func write(_ name: String, _ text: String, mode: mode_t = 0o600) throws(HostError) {
        let file = open(self.file(name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode)
        guard file >= 0 else { throw .surprise("\(self.file(name)): \(String(cString: strerror(errno)))") }
        defer { close(file) }
        let bytes = Array(text.utf8)
        guard Foundation.write(file, bytes, bytes.count) == bytes.count else {
            throw .surprise("\(self.file(name)) cannot be written")
        }
    }

    /// Where ssh_config(5), a URI and a shell take a path for what it is. A socket's path has 107 bytes at most.
    private static var base: String {
        let wanted = ProcessInfo.processInfo.environment["TMPDIR"] ?? ""
        let isPlain =
            wanted.hasPrefix("/") && wanted.utf8.count <= 48
            && wanted.unicodeScalars.allSatisfy {
                $0.isASCII
                    && ($0.properties.isAlphabetic || ("0"..."9").contains($0) || "/._-".unicodeScalars.contains($0))
            }
        return isPlain ? wanted : "/tmp"
    }

    private static func sweep(_ base: String) {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: base)) ?? [] where name.hasPrefix(prefix) {
            let path = "\(base)/\(name)"
            var status = stat()
            guard lstat(path, &status) == 0, status.st_uid == geteuid(), status.st_mode & 0o7777 == 0o700 else {
                continue
            }
            let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            guard descriptor >= 0 else { continue }
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { remove(path) }
            close(descriptor)
        }
    }

    /// Nothing in it is a folder.
    private static func remove(_ path: String) {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] { unlink("\(path)/\(name)") }
        rmdir(path)
    }
}
