import Foundation
import GitRepository
import Manifests

/// Where in a git repository a folder lies.
struct GitPlace {
    /// The repository's folder.
    let root: String
    /// The folder's path in it; empty for all of it.
    let below: String

    /// The repository above a folder; nil where there is none.
    init?(of path: String) {
        var folder = URL(filePath: path).standardizedFileURL.absoluteURL
        var below: [String] = []
        func holds(_ name: String) -> Bool {
            FileManager.default.fileExists(atPath: folder.appending(path: name).path(percentEncoded: false))
        }
        while !holds(".git"), !(holds("HEAD") && holds("objects")) {
            guard folder.pathComponents.count > 1 else { return nil }
            below.insert(folder.lastPathComponent, at: 0)
            folder = folder.deletingLastPathComponent()
        }
        root = folder.path(percentEncoded: false)
        self.below = below.joined(separator: "/")
    }

    /// HEAD and the manifests in its tree below the folder; nil where there is no such commit or folder in it.
    func head() async -> (commit: GitCommitID, files: [SourceFile])? {
        let repository = GitRepository(existing: root, program: Program.path, environment: [:])
        do throws(GitError) {
            let head = try await repository.resolve("HEAD")
            let files = try await repository.files(of: head, below: below)
            return (head, files.map { SourceFile(path: $0.path, bytes: $0.bytes) })
        } catch {
            return nil
        }
    }
}
