import Foundation
import Glibc

/// A folder of the controller out of which nothing leads: what is opened is a regular file below it, and no link is
/// followed on the way.
struct ClosedFolder: Hashable, Sendable {
    /// The folder, absolute.
    let root: String
    /// The folder as it was given, for messages.
    let shown: String

    /// The folder at a path, relative to the current one.
    init(_ path: String) {
        shown = path
        root = URL(filePath: path).standardizedFileURL.path(percentEncoded: false)
    }

    /// Why a file cannot be had, as the end of a sentence that begins with its name.
    struct Unusable: Error {
        var why: String
    }

    /// An open file. Whoever has it closes the descriptor.
    struct File {
        var descriptor: Int32
        var status: stat
    }

    /// Where a file is.
    func path(of relative: String) -> String { (root.hasSuffix("/") ? root : root + "/") + relative }

    /// Opens a file for reading, one component of its path after the other.
    func open(_ relative: String) throws(Unusable) -> File {
        var current = Glibc.open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard current >= 0 else { throw Unusable(why: "is not there: \(shown): \(String(cString: strerror(errno)))") }
        let parts = relative.split(separator: "/", omittingEmptySubsequences: false)
        for (index, part) in parts.enumerated() {
            guard !part.isEmpty, part != ".", part != ".." else {
                close(current)
                throw Unusable(why: "leads out of the folder")
            }
            let kind = index == parts.count - 1 ? O_NONBLOCK : O_DIRECTORY
            let next = openat(current, String(part), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | kind)
            let code = errno
            close(current)
            guard next >= 0 else {
                throw Unusable(
                    why: code == ELOOP ? "is a link" : "is not there: \(String(cString: strerror(code)))")
            }
            current = next
        }
        var status = stat()
        guard fstat(current, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(current)
            throw Unusable(why: "is not a regular file")
        }
        return File(descriptor: current, status: status)
    }
}
