import Foundation

/// The folder that paths in reports are relative to: the working directory, or the repository around it where a runner
/// of GitHub's kind says which that is.
struct SourceRoot {
    private let root: String
    private let working: String

    init() {
        let folder = FileManager.default.currentDirectoryPath
        let workspace = ProcessInfo.processInfo.environment["GITHUB_WORKSPACE"].map(Self.absolute)
        working = folder
        root = workspace.flatMap { (folder + "/").hasPrefix($0 + "/") ? $0 : nil } ?? folder
    }

    /// The path below the root; nil for one that is not below it.
    func relative(_ path: String) -> String? {
        let whole = absolute(path)
        let prefix = root.hasSuffix("/") ? root : root + "/"
        return whole.hasPrefix(prefix) ? String(whole.dropFirst(prefix.count)) : whole == root ? "." : nil
    }

    /// The absolute path, without `.` and `..`.
    func absolute(_ path: String) -> String { Self.absolute(path.hasPrefix("/") ? path : working + "/" + path) }

    private static func absolute(_ path: String) -> String {
        let standard = URL(filePath: path).standardized.path(percentEncoded: false)
        return standard.count > 1 && standard.hasSuffix("/") ? String(standard.dropLast()) : standard
    }
}
