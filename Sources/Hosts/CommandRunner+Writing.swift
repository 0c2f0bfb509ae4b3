import CLinux
import Foundation
import SystemPackage

extension CommandRunner {
    /// Runs a body that writes on this machine, as `run` runs a program `underLock`: while it does, it holds the shared lock
    /// that the next `HostLock` waits for. It blocks, so it is called on a thread of its own.
    ///
    /// Maps to flock(2).
    ///
    /// - Parameter patience: how long another writer is waited for.
    /// - Throws: what the body throws, `.locked` when another writer took the host's lock meanwhile, `.command` when there can
    ///   be no lock.
    public func writing<Value>(
        patience: Duration = .seconds(10), _ body: () throws(HostError) -> Value
    ) throws(HostError) -> Value {
        let path = "\(lockFolder)/\(HostLock.workFile)"
        let descriptor = open(path, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, 0o666)
        guard descriptor >= 0 else {
            throw .command(program: "the lock \(path)", status: 1, standardError: "\(Errno(rawValue: errno))")
        }
        defer { close(descriptor) }
        let end = ContinuousClock.now + patience
        while flock(descriptor, LOCK_SH | LOCK_NB) != 0 {
            guard errno == EWOULDBLOCK || errno == EINTR else {
                throw .command(program: "the lock \(path)", status: 1, standardError: "\(Errno(rawValue: errno))")
            }
            guard ContinuousClock.now < end else {
                throw .locked(holder: "a writer that took the host's lock meanwhile")
            }
            usleep(20_000)
        }
        return try body()
    }
}
