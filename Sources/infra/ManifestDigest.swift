import Crypto
import Foundation
import GitRepository
import Manifests
import Model

/// Which manifests a plan was made from.
struct ManifestDigest: Codable {
    /// The folder or file, absolute.
    var folder: String
    /// SHA-256 of each file, by its path below the folder.
    var files: [String: String]
    /// The commit whose tree holds just these files there, when they are in a git work tree and committed.
    var commit: String?

    init(_ path: String, _ files: [SourceFile]) {
        folder = URL(filePath: path).standardizedFileURL.path(percentEncoded: false)
        let prefix = FleetInput.prefix(below: path)
        self.files = Self.digests(files) { $0.hasPrefix(prefix) ? String($0.dropFirst(prefix.count)) : "" }
    }

    private static func digests(_ files: [SourceFile], name: (String) -> String) -> [String: String] {
        files.reduce(into: [:]) { result, file in
            let digest = SHA256.hash(data: Data(file.bytes))
            result[name(file.path)] = digest.hexDigits
        }
    }

    /// The same with the commit in which these files are.
    func committed() async -> ManifestDigest {
        var digest = self
        if let head = await GitPlace(of: folder)?.head(), Self.digests(head.files, name: { $0 }) == files {
            digest.commit = head.commit.text
        }
        return digest
    }

    /// Looks whether the manifests are what they were: those of the folder that is named, else of the folder that the
    /// plan was made from, if it is there. On another machine there is nothing to compare with. A plan of a commit is one of
    /// the commit that is checked out, too: the manifests in its tree have to be those, whatever else it changed.
    /// - Throws: `ExitCode` when they differ or cannot be read.
    func check(_ named: String?) async throws {
        guard let path = named ?? (FileManager.default.fileExists(atPath: folder) ? folder : nil) else { return }
        let now = ManifestDigest(
            path, try FleetInput.readFolder(path, .text, prefix: FleetInput.prefix(below: path)))
        try refuse(changes(to: now.files, path), "the manifests in \(path)")
        guard let commit, let head = await GitPlace(of: path)?.head(), head.commit.text != commit else { return }
        try refuse(
            changes(to: Self.digests(head.files, name: { $0 }), path),
            "the manifests in commit \(head.commit.short), which is HEAD now,")
    }

    private func changes(to now: [String: String], _ path: String) -> [String] {
        Set(files.keys).union(now.keys).sorted().compactMap { file -> String? in
            let name = file.isEmpty ? path : file
            switch (files[file], now[file]) {
            case (let old?, let new?): return old == new ? nil : "\(name) was changed"
            case (.some, nil): return "\(name) is gone"
            case (nil, .some): return "\(name) is new"
            case (nil, nil): return nil
            }
        }
    }

    private func refuse(_ changes: [String], _ what: String) throws {
        guard !changes.isEmpty else { return }
        try PlanFile.refuse(
            "\(what) are not those that the plan was made from: " + changes.prefix(10).joined(separator: ", ")
                + "; plan again")
    }
}
