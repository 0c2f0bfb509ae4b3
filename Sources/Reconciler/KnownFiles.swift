import Foundation
import Glibc
import Synchronization

/// What was read of files that did not change since. A watcher asks at each commit, and an image may have many gigabytes.
/// In memory only.
final class KnownFiles: Sendable {
    /// A file with all that changes when somebody writes to it.
    struct Key: Hashable, Sendable {
        private let device: UInt64
        private let inode: UInt64
        private let size: Int64
        private let times: [Int]

        init(_ status: stat) {
            device = UInt64(status.st_dev)
            inode = UInt64(status.st_ino)
            size = Int64(status.st_size)
            times = [
                status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ctim.tv_sec, status.st_ctim.tv_nsec,
            ]
        }
    }

    /// What a file holds, as far as images are told by it.
    struct Contents: Sendable {
        var sha256: String
        /// Its first bytes.
        var head: [UInt8]
    }

    private static let limit = 4096

    private let known = Mutex<[Key: Contents]>([:])

    /// What is known of a file; nil when it was not read, or changed since.
    subscript(key: Key) -> Contents? { known.withLock { $0[key] } }

    func note(_ contents: Contents, of key: Key) {
        known.withLock { known in
            if known.count >= Self.limit { known = [:] }
            known[key] = contents
        }
    }

    /// Whether a later change of the file would surely be seen in its times: where clocks are coarse, two writes in a row
    /// bear one time.
    /// - Parameter resolution: of the file system's clock, in seconds.
    static func isSettled(_ status: stat, resolution: Int) -> Bool {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return resolution == 0 || now.tv_sec - status.st_ctim.tv_sec > resolution
    }
}
