import Foundation
import GitRepository
import Testing

/// Notes in a repository that is not ours, as git shows them.
@Suite struct NoteTests {
    private func notes(_ fixture: GitFixture, _ commit: GitCommitID) async throws -> [String] {
        try await fixture.git(["log", "-1", "--notes=infra", "--format=%N", commit.text])
            .split(separator: "\n").map(String.init)
    }

    private func repository(_ folder: String) -> GitRepository {
        GitRepository(existing: folder, program: GitFixture.program, environment: [:])
    }

    /// Two watchers write at the same time, and none loses what the other wrote, nor what git writes meanwhile. (git
    /// itself looks for nobody: `git notes` puts its commit in the place of whatever is there by then.)
    @Test func manyWriters() async throws {
        let fixture = try await GitFixture()
        let ours = repository(fixture.source)
        func write(_ commits: [GitCommitID], _ group: inout ThrowingTaskGroup<Void, any Error>) {
            for source in ["main", "main:office"] {
                group.addTask {
                    for commit in commits {
                        for state in ["applying", "converged"] {
                            let heading = "source: \(source)"
                            try await ours.writeNote("\(heading)\nstate: \(state)", on: commit, section: heading)
                        }
                    }
                }
            }
        }
        var commits: [GitCommitID] = []
        for number in 0..<6 { commits.append(try await fixture.commit("\(number)")) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            write(commits, &group)
            try await group.waitForAll()
        }
        for commit in commits {
            let lines = try await notes(fixture, commit)
            #expect(
                lines.sorted() == ["source: main", "source: main:office", "state: converged", "state: converged"],
                "\(lines)")
        }
        let commit = try await fixture.commit("for git alone")
        try await withThrowingTaskGroup(of: Void.self) { group in
            write(commits, &group)
            group.addTask {
                for number in 0..<10 {
                    // git gives up where somebody else holds the reference; whoever runs it tries again.
                    while try await fixture.attempt(
                        "git", ["notes", "--ref=infra", "append", "-m", "line \(number)", commit.text],
                        in: fixture.source
                    ).0 != 0 {}
                }
            }
            try await group.waitForAll()
        }
        let lines = try await notes(fixture, commit)
        #expect(lines == (0..<10).map { "line \($0)" })
        try await fixture.git(["fsck", "--full", "--strict"])
    }

    @Test func aParagraphIsReplaced() async throws {
        let fixture = try await GitFixture()
        let commit = try await fixture.commit("first")
        try await fixture.git(["notes", "--ref=infra", "add", "-m", "a person's words"])
        let ours = repository(fixture.source)
        for text in ["source: a\nstate: 1", "source: b\nstate: 2", "source: a\nstate: 3"] {
            try await ours.writeNote(text, on: commit, section: String(text.prefix { $0 != "\n" }))
        }
        #expect(
            try await ours.readNote(on: commit)
                == "a person's words\n\nsource: a\nstate: 3\n\nsource: b\nstate: 2\n")
        for (ref, text) in [("refs/heads/main", "x"), ("refs/notes/../heads/x", "x")] {
            guard case .notFound = await gitError({ try await ours.writeNote(text, on: commit, ref: ref) }) else {
                Issue.record("\(ref) was written")
                continue
            }
        }
        let long = String(repeating: "x", count: 1 << 17)
        guard case .tooLarge = await gitError({ try await ours.writeNote(long, on: commit) }) else {
            Issue.record("128 KiB were written")
            return
        }
        // Nothing but the notes: no lock is left, and the branch stands where it stood.
        #expect(try await fixture.head() == commit)
        #expect(try await fixture.git(["status", "--porcelain"]) == "")
    }

    /// The owner of a repository goes on with what root wrote there.
    @Test(.enabled(if: geteuid() == 0, "only root becomes somebody else")) func writtenAsTheOwner() async throws {
        let fixture = try await GitFixture()
        let commit = try await fixture.commit("first")
        let bare = fixture.root + "/bare.git"
        try await fixture.git(["clone", "-q", "--bare", fixture.source, bare])
        try await fixture.run("chown", ["-R", "nobody:nogroup", bare], in: fixture.root)
        try await fixture.run("chmod", ["755", fixture.root], in: fixture.root)
        try await repository(bare).writeNote("state: converged", on: commit)
        #expect(try await fixture.run("find", [bare, "-not", "-user", "nobody"], in: fixture.root) == "")
        #expect(try await fixture.run("find", [bare, "-type", "d", "-not", "-perm", "755"], in: fixture.root) == "")
        let said = try await fixture.run(
            "setpriv",
            [
                "--reuid=nobody", "--regid=nogroup", "--clear-groups", "git", "notes", "--ref=infra", "append", "-m",
                "more",
            ],
            in: bare)
        #expect(said == "")
        let note = try await repository(bare).readNote(on: commit)
        #expect(note?.split(separator: "\n") == ["state: converged", "more"])
    }
}
