import Foundation
import GitRepository
import Testing

/// Trees that only somebody makes who means harm. What is asked of them ends soon, and says why.
@Suite struct HostileTreeTests {
    private struct Trees {
        let fixture: GitFixture

        /// A tree of these entries: `mode kind id name`.
        func tree(_ entries: [String]) async throws -> String {
            let text = entries.map { entry in
                let words = entry.split(separator: " ", maxSplits: 3)
                return "\(words[0]) \(words[1]) \(words[2])\t\(words[3])\0"
            }
            return try await fixture.git(["mktree", "-z"], input: text.joined()).trimmingCharacters(in: .newlines)
        }

        func blob(_ text: String) async throws -> String {
            try await fixture.git(["hash-object", "-w", "--stdin"], input: text).trimmingCharacters(in: .newlines)
        }

        /// The branch's commit, of that tree.
        func commit(_ tree: String) async throws {
            let commit = try await fixture.git(["commit-tree", "-m", "odd", tree]).trimmingCharacters(in: .newlines)
            try await fixture.git(["update-ref", "refs/heads/main", commit])
        }
    }

    private func refusal(_ fixture: GitFixture) async throws -> GitError? {
        let repository = try fixture.repository()
        let fetched = try await repository.fetch()
        return await gitError { _ = try await repository.files(of: fetched) }
    }

    @Test("hostile git: a chain of folder symlinks leading out, below folders")
    func chainsOfLinks() async throws {
        let fixture = try await GitFixture()
        let trees = Trees(fixture: fixture)
        let (out, next) = (try await trees.blob("/etc"), try await trees.blob("first/shadow.yaml"))
        let links = try await trees.tree(["120000 blob \(out) first", "120000 blob \(next) second.yaml"])
        let inner = try await trees.tree(["040000 tree \(links) inner"])
        let top = try await trees.tree(["040000 tree \(inner) outer", "100644 blob \(out) ok.yaml"])
        try await trees.commit(top)
        guard case .forbiddenEntry(let text) = try await refusal(fixture) else {
            Issue.record("links were read")
            return
        }
        #expect(text.contains("outer/inner/first is a symbolic link"), "\(text)")
        #expect(text.contains("outer/inner/second.yaml is a symbolic link"), "\(text)")
    }

    /// A hundred names for the same folder, three times over: a million files of four objects.
    @Test("hostile git: a million files", arguments: ["file.yaml", "file.txt"])
    func aMillionFiles(name: String) async throws {
        let fixture = try await GitFixture()
        let trees = Trees(fixture: fixture)
        let blob = try await trees.blob("a: 1\n")
        var tree = try await trees.tree((0..<100).map { "100644 blob \(blob) \($0)\(name)" })
        for _ in 0..<3 { tree = try await trees.tree((0..<100).map { "040000 tree \(tree) f\($0)" }) }
        try await trees.commit(tree)
        let error = try await refusal(fixture)
        guard case .tooLarge(let text) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(text.contains(name == "file.yaml" ? "more than 20000 manifest files" : "more than 1000000 files"))
    }

    @Test("hostile git: folders inside each other without end")
    func deepFolders() async throws {
        let fixture = try await GitFixture()
        let trees = Trees(fixture: fixture)
        var tree = try await trees.tree(["100644 blob \(try await trees.blob("a: 1\n")) a.yaml"])
        for _ in 0..<40 { tree = try await trees.tree(["040000 tree \(tree) f"]) }
        try await trees.commit(tree)
        guard case .tooLarge(let text) = try await refusal(fixture) else {
            Issue.record("it was read")
            return
        }
        #expect(text.contains("more than 32 folders inside each other"))
    }
}
