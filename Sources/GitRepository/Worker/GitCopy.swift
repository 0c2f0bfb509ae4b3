import CGit2
import Foundation

/// The folder of a copy, and what stands beside it while it is made anew.
struct GitCopy {
    let folder: String
    /// Where a new copy is made.
    var new: String { folder + ".new" }
    private var old: String { folder + ".old" }

    var exists: Bool { access(folder, F_OK) == 0 }

    /// Waits until no other worker fetches. The lock ends with the process.
    func lock() throws(GitError) -> Int32 {
        let parent = URL(filePath: folder).deletingLastPathComponent().path
        try? FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
        let descriptor = try openLock("lock")
        guard flock(descriptor, LOCK_EX) == 0 else { throw unusable("lock") }
        return descriptor
    }

    /// Keeps the files in place while we read.
    func lockAsReader() throws(GitError) {
        guard exists else { return }
        let descriptor = try openLock("readers")
        guard flock(descriptor, LOCK_SH) == 0 else { throw unusable("readers") }
    }

    /// Waits, or does not wait, until nobody reads; nil when somebody does.
    func lockOutReaders(wait: Bool) throws(GitError) -> Int32? {
        let descriptor = try openLock("readers")
        if flock(descriptor, LOCK_EX | (wait ? 0 : LOCK_NB)) == 0 { return descriptor }
        close(descriptor)
        if !wait, errno == EWOULDBLOCK { return nil }
        throw unusable("readers")
    }

    private func openLock(_ ending: String) throws(GitError) -> Int32 {
        let descriptor = Foundation.open("\(folder).\(ending)", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw unusable(ending) }
        return descriptor
    }

    private func unusable(_ ending: String) -> GitError {
        .worker("\(folder).\(ending): \(String(cString: strerror(errno)))")
    }

    /// Removes what workers left that were killed: half a copy, half a pack, locks of references.
    func removeRemains() {
        try? FileManager.default.removeItem(atPath: new)
        // Killed between the two renames: the new copy was gone to its place or is made again.
        if exists { try? FileManager.default.removeItem(atPath: old) } else { rename(old, folder) }
        guard let names = FileManager.default.enumerator(atPath: folder) else { return }
        for case let name as String in names {
            let last = name.split(separator: "/").last ?? ""
            let isHalf = last.hasPrefix("pack_git2_") || last.hasPrefix("tmp_") || last.contains("_git2_")
            if isHalf || last.hasSuffix(".lock") { unlink("\(folder)/\(name)") }
        }
    }

    /// Makes an empty bare repository in the place of the new copy.
    func begin() throws(GitError) {
        var options = git_repository_init_options()
        git_repository_init_options_init(&options, UInt32(GIT_REPOSITORY_INIT_OPTIONS_VERSION))
        options.flags =
            GIT_REPOSITORY_INIT_BARE.rawValue | GIT_REPOSITORY_INIT_MKPATH.rawValue
            | GIT_REPOSITORY_INIT_NO_REINIT.rawValue
        _ = try GitHandle(
            git_repository_free, { .worker("\(new) cannot be made: \($0.message)") },
            { git_repository_init_ext(&$0, new, &options) })
    }

    /// Puts the new copy in the place of the old one, which is no longer marked as damaged.
    func swap() throws(GitError) {
        let alone = try lockOutReaders(wait: true)
        defer { alone.map { _ = close($0) } }
        if exists { rename(folder, old) }
        guard rename(new, folder) == 0 else {
            throw .worker("\(folder) cannot be replaced: \(String(cString: strerror(errno)))")
        }
        GitRepository.Mark.damaged.remove(folder)
        try? FileManager.default.removeItem(atPath: old)
    }
}
