import CLinux
import Foundation
import Hosts
import SystemPackage

/// What `StorageScripts.inspect`, `remove`, `removeStaged` and `finish` do, done by this process where the folder lies on its own
/// machine's file systems (`LocalFileSystems`): a volume takes one program then, the one that makes it, instead of a dozen.
enum LocalFiles {
    /// Looks at a path without following it. Maps to lstat(2), lgetxattr(2).
    static func target(_ path: String) throws(HostError) -> StorageDriver.Target {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            guard errno == ENOENT else { throw failure("the look at", path) }
            return .missing
        }
        guard status.st_mode & S_IFMT == S_IFREG else { return .other }
        switch LocalFolders.mark(Array(path.utf8CString)) {
        case .value(let data): return .file(FileMark(data: data))
        case .none: return .file(nil)
        case .error(let number): throw failure("the look at", path, number)
        }
    }

    /// Removes a file and writes that through. Maps to unlink(2), fsync(2) of its folder.
    static func remove(_ path: String) throws(HostError) {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            guard errno == ENOENT else { throw failure("the look at", path) }
            throw .surprise("\(path) is not there any more")
        }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .surprise("\(path) is not there any more") }
        guard unlink(path) == 0 else { throw failure("removing", path) }
        try sync(folderOf: path)
    }

    /// Removes an unfinished file. Maps to unlink(2).
    static func removeUnfinished(_ path: String) throws(HostError) {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            guard errno == ENOENT else { throw failure("the look at", path) }
            return
        }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .surprise("\(path) is not a plain file") }
        guard unlink(path) == 0 else { throw failure("removing", path) }
    }

    /// Makes the staged file's mark, writes both through to the disk, then makes the staged file the final one, unless there
    /// is one. Maps to fsetxattr(2), fchmod(2), fsync(2), linkat(2) of what was opened, which never replaces, as rename(2)
    /// would.
    ///
    /// - Parameter isWanted: asked last: writing through can take long.
    static func finish(
        _ path: String, staged: String, mark: FileMark, mode: mode_t, isWanted: () -> Bool = { true }
    ) throws(HostError) {
        let file = open(staged, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard file >= 0 else {
            guard errno == ENOENT || errno == ELOOP else { throw failure("opening", staged) }
            throw .surprise("\(staged) is not there any more")
        }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw failure("the look at", staged) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .surprise("\(staged) is not there any more") }
        let marked = mark.data.withUnsafeBytes { fsetxattr(file, FileMark.attribute, $0.baseAddress, $0.count, 0) }
        guard marked == 0 else { throw failure("marking", staged) }
        guard fchmod(file, mode) == 0 else { throw failure("changing the mode of", staged) }
        guard fsync(file) == 0 else { throw failure("writing", staged) }
        guard isWanted() else { throw .deadline(call: "finishing a file") }
        guard linkat(AT_FDCWD, "/proc/self/fd/\(file)", AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0 else {
            if errno == EEXIST { throw .surprise("\(path) is there already") }
            throw failure("naming", path)
        }
        guard unlink(staged) == 0 else { throw failure("removing", staged) }
        try sync(folderOf: path)
    }

    private static func sync(folderOf path: String) throws(HostError) {
        let folder = FilePath(path).removingLastComponent().string
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("opening", folder) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure("writing", folder) }
    }

    private static func failure(_ what: String, _ path: String, _ number: Int32 = errno) -> HostError {
        .command(
            program: "\(what) \(CommandText.printable(path))", status: 1, standardError: "\(Errno(rawValue: number))")
    }
}
