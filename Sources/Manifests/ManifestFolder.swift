import Foundation
public import Model

/// Why a folder of manifests could not be read.
public struct ManifestFolderError: Error {
    /// What is in the way, all of it.
    public let diagnostics: [Diagnostic]
}

/// Reads the manifest files of a folder. Links are refused, never followed; what is hidden is skipped.
public enum ManifestFolder {
    private static let fileLimit = 10_000
    private static let totalLimit = 256 << 20
    private static let depthLimit = 32

    /// All `.yaml` and `.yml` files below a folder, sorted by path; or the one file that is named.
    /// - Parameter prefix: What stands before the paths of files below a folder, such as `office/`.
    public static func read(_ path: String, prefix: String = "") throws(ManifestFolderError) -> [SourceFile] {
        var walk = Walk()
        var status = stat()
        guard stat(path, &status) == 0 else {
            throw ManifestFolderError(diagnostics: [walk.diagnostic("unreadable", path, Walk.reason())])
        }
        if status.st_mode & S_IFMT == S_IFDIR {
            walk.readFolder(path, prefix: prefix, depth: 0)
        } else {
            walk.readFile(path, printed: path, follow: true)
        }
        guard walk.diagnostics.isEmpty else { throw ManifestFolderError(diagnostics: walk.diagnostics) }
        return walk.files.sorted { $0.path < $1.path }
    }

    /// One run over a folder.
    private struct Walk {
        var files: [SourceFile] = []
        var diagnostics: [Diagnostic] = []
        var total = 0

        mutating func readFolder(_ path: String, prefix: String, depth: Int) {
            guard depth <= depthLimit else {
                report("too-deep", prefix, "more than \(depthLimit) folders inside each other")
                return
            }
            guard let names = try? FileManager.default.contentsOfDirectory(atPath: path) else {
                report("unreadable", depth == 0 ? path : prefix, "the folder cannot be listed")
                return
            }
            for name in names.sorted() where !name.hasPrefix(".") {
                let inner = path + "/" + name
                let printed = prefix + name
                let isManifest = name.hasSuffix(".yaml") || name.hasSuffix(".yml")
                var status = stat()
                guard lstat(inner, &status) == 0 else {
                    report("unreadable", printed, Self.reason())
                    continue
                }
                switch status.st_mode & S_IFMT {
                case S_IFDIR: readFolder(inner, prefix: printed + "/", depth: depth + 1)
                case S_IFLNK:
                    var target = stat()
                    let isFolder = stat(inner, &target) == 0 && target.st_mode & S_IFMT == S_IFDIR
                    if isManifest || isFolder {
                        report("symbolic-link", printed, "a symbolic link", help: "put the file itself here")
                    }
                case S_IFREG: if isManifest { readFile(inner, printed: printed, follow: false) }
                default: if isManifest { report("not-a-file", printed, "not a regular file") }
                }
            }
        }

        mutating func readFile(_ path: String, printed: String, follow: Bool) {
            let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | (follow ? 0 : O_NOFOLLOW))
            guard descriptor >= 0 else { return report("unreadable", printed, Self.reason()) }
            defer { close(descriptor) }
            var status = stat()
            guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
                return report("not-a-file", printed, "not a regular file")
            }
            guard files.count < fileLimit else {
                return reportOnce("too-many", "more than \(fileLimit) manifest files")
            }
            guard status.st_size <= SourceText.fileLimit else {
                return report(
                    "too-large", printed, "the file has \(status.st_size >> 20) MiB",
                    help: "at most \(SourceText.fileLimit >> 20) MiB; split it into several files")
            }
            guard let bytes = Self.bytes(descriptor, expected: Int(status.st_size)) else {
                return report("unreadable", printed, Self.reason())
            }
            total += bytes.count
            guard total <= totalLimit else {
                return reportOnce("too-large", "all files together have more than \(totalLimit >> 20) MiB")
            }
            files.append(SourceFile(path: printed, bytes: bytes))
        }

        /// Up to one byte more than a file may have, should it have grown.
        private static func bytes(_ descriptor: Int32, expected: Int) -> [UInt8]? {
            var failed = false
            let bytes = [UInt8](unsafeUninitializedCapacity: expected + 1) { buffer, count in
                while count < buffer.count, let base = buffer.baseAddress {
                    let got = Foundation.read(descriptor, base + count, buffer.count - count)
                    if got < 0, errno == EINTR { continue }
                    failed = got < 0
                    guard got > 0 else { break }
                    count += got
                }
            }
            return failed || bytes.count > expected ? nil : bytes
        }

        static func reason() -> String { String(cString: strerror(errno)) }

        func diagnostic(_ code: String, _ path: String, _ message: String, help: String? = nil) -> Diagnostic {
            Diagnostic(
                code: code, message, help: help,
                position: SourcePosition(file: Wording.shortened(path, to: 512), line: 1, column: 1))
        }

        private mutating func report(_ code: String, _ path: String, _ message: String, help: String? = nil) {
            if diagnostics.count < Findings.limit { diagnostics.append(diagnostic(code, path, message, help: help)) }
        }

        private mutating func reportOnce(_ code: String, _ message: String) {
            if !diagnostics.contains(where: { $0.message == message }) {
                diagnostics.append(Diagnostic(code: code, message))
            }
        }
    }
}
