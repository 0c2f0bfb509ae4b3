import Foundation

/// Which folders of this machine lie on its own disks or memory. A process that looks into a folder of another machine, or
/// of a daemon, can be held there so that nothing ends it, not even SIGKILL; a program that does it for us holds nobody.
struct LocalFileSystems {
    private static let kinds: Set<String> = ["ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "tmpfs", "overlay"]

    /// The kind of file system at each mount point; where several lie upon each other, the last.
    private let kinds: [String: String]

    /// What is mounted now. Nothing is held for local when that cannot be read.
    init() { self.init(mountinfo: (try? String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8)) ?? "") }

    /// - Parameter mountinfo: as proc_pid_mountinfo(5) has it.
    init(mountinfo: String) {
        // By bytes: it is read anew before each file that is touched, and nothing here is about characters.
        kinds = mountinfo.utf8.split(separator: UInt8(ascii: "\n")).reduce(into: [:]) { kinds, line in
            let fields = line.split(separator: UInt8(ascii: " "))
            guard fields.count > 6, let dash = fields[6...].firstIndex(where: { $0.elementsEqual("-".utf8) }),
                dash + 1 < fields.count
            else { return }
            kinds[Self.unescaped(Substring(fields[4]))] = String(Substring(fields[dash + 1]))
        }
    }

    /// Whether the way to a folder touches only such file systems, and no symbolic link. No file system of another kind
    /// is touched to find out.
    func hold(_ folder: String) -> Bool {
        guard folder.hasPrefix("/"), isLocal("/") else { return false }
        var path = ""
        for part in folder.split(separator: "/") {
            path += "/" + part
            guard part != "..", isLocal(path) else { return false }
            var status = stat()
            guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { return false }
        }
        return true
    }

    private func isLocal(_ path: String) -> Bool {
        kinds[path].map { Self.kinds.contains($0) } ?? (path != "/")
    }

    /// Blanks and backslashes stand as three octal digits.
    private static func unescaped(_ text: Substring) -> String {
        guard text.utf8.contains(UInt8(ascii: "\\")) else { return String(text) }
        return String(text).replacing("\\040", with: " ").replacing("\\011", with: "\t").replacing("\\012", with: "\n")
            .replacing("\\134", with: "\\")
    }
}
