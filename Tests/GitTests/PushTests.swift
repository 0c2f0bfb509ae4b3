import Foundation
import GitRepository
import Testing

/// A real push into a repository whose hooks are ours. What is pushed lies in git's quarantine while it is judged.
@Suite struct PushTests {
    private let valid = """
        apiVersion: infra/v1
        kind: Fleet
        metadata: {name: office, id: 3a1f4c3e-8f5b-4a2a-9d3c-1f2e3d4c5b6a}
        ---
        apiVersion: infra/v1
        kind: Host
        metadata: {name: here}
        spec: {connect: {local: {}}}

        """

    /// Pushes and says how that ended; the text is what the pusher reads.
    private func push(_ fixture: GitFixture, _ arguments: [String]) async throws -> (taken: Bool, text: String) {
        let (code, output) = try await fixture.attempt("git", ["push"] + arguments, in: fixture.source)
        return (code == 0, output)
    }

    private func bare(_ fixture: GitFixture, _ options: [String] = []) async throws -> String {
        let folder = fixture.root + "/bare.git"
        try await fixture.run("git", ["init", "-q", "--bare", "-b", "main", folder], in: fixture.root)
        // Deleting is for the hook to refuse.
        try await fixture.run("git", ["config", "receive.denyDeleteCurrent", "ignore"], in: folder)
        let socket = ["--socket", fixture.root + "/nobody.sock"]
        try await fixture.run(GitFixture.program, ["hook", "install", folder] + socket + options, in: fixture.root)
        return folder
    }

    @Test func judged() async throws {
        let fixture = try await GitFixture()
        let bare = try await bare(fixture)
        try fixture.write("fleet.yaml", valid)
        let first = try await fixture.commit("valid")
        let accepted = try await push(fixture, [bare, "main"])
        #expect(accepted.taken)
        #expect(accepted.text.contains("commit \(first.short) is valid"))

        try fixture.write("fleet.yaml", valid.replacing("connect:", with: "conect:"))
        try await fixture.commit("misspelled")
        let rejected = try await push(fixture, [bare, "main"])
        #expect(!rejected.taken)
        #expect(rejected.text.contains("fleet.yaml:8:8"))
        #expect(rejected.text.contains("pre-receive hook declined"))

        // What is on another branch drives nothing.
        let other = try await push(fixture, [bare, "main:draft"])
        #expect(other.taken)
        #expect(!other.text.contains("fleet.yaml:"))
        // All at once or not at all: the bad branch takes the good one along.
        try await fixture.git(["branch", "good", first.text])
        #expect(!(try await push(fixture, [bare, "good:fine", "main"])).taken)

        let deleted = try await push(fixture, [bare, ":main"])
        #expect(!deleted.taken)
        #expect(deleted.text.contains("is not deleted"))
        #expect(try await push(fixture, [bare, ":draft"]).taken)
        let head = try await fixture.run("git", ["rev-parse", "main"], in: bare)
        #expect(head == first.text + "\n")

        // A link in the pushed tree, and a rewritten history.
        try fixture.write("fleet.yaml", valid)
        try FileManager.default.createSymbolicLink(
            atPath: fixture.source + "/shadow.yaml", withDestinationPath: "/etc/shadow")
        try await fixture.commit("a link")
        let link = try await push(fixture, [bare, "main"])
        #expect(!link.taken)
        #expect(link.text.contains("shadow.yaml is a symbolic link"))
        try FileManager.default.removeItem(atPath: fixture.source + "/shadow.yaml")
        try await fixture.git(["checkout", "-q", "--orphan", "again"])
        try await fixture.commit("again")
        let forced = try await push(fixture, ["--force", bare, "again:main"])
        #expect(forced.taken)
        #expect(forced.text.contains("rewrites main"))
    }

    @Test func signed() async throws {
        let fixture = try await GitFixture()
        let ada = try await fixture.sshKey("ada")
        let eve = try await fixture.sshKey("eve")
        let trust = fixture.root + "/trust.yaml"
        try Data(
            """
            apiVersion: infra/v1
            kind: Trust
            spec:
              signers:
                - {name: Ada, ssh: "\(ada.publicKey.trimmingCharacters(in: .newlines))"}

            """.utf8
        ).write(to: URL(filePath: trust))
        let bare = try await bare(fixture, ["--trust", trust])
        try fixture.write("fleet.yaml", valid)
        for (options, signature) in [([], []), (fixture.signing(sshKey: eve.file), ["-S"])] {
            try await fixture.git(["add", "-A"])
            try await fixture.git(options + ["commit", "-q", "--allow-empty", "-m", "a change"] + signature)
            let refused = try await push(fixture, [bare, "main"])
            #expect(!refused.taken)
            #expect(refused.text.contains("no good signature of a trusted signer"))
        }
        try await fixture.git(
            fixture.signing(sshKey: ada.file) + ["commit", "-q", "--allow-empty", "-S", "-m", "by Ada"])
        // A branch that is new begins with what was before there was a trust file.
        #expect(try await push(fixture, [bare, "main"]).taken)

        // A good signature at the end does not cover what lies below it on the branch.
        let signing = fixture.signing(sshKey: ada.file)
        let good = try await fixture.head()
        let unsigned = try await fixture.commit("nobody's")
        try await fixture.git(
            fixture.signing(sshKey: eve.file) + ["commit", "-q", "--allow-empty", "-S", "-m", "Eve's"])
        let strangers = try await fixture.head()
        try await fixture.git(signing + ["commit", "-q", "--allow-empty", "-S", "-m", "by Ada again"])
        let below = try await push(fixture, [bare, "main"])
        #expect(!below.taken)
        for commit in [unsigned, strangers] {
            #expect(below.text.contains("a trusted signer on commit \(commit.short)"), "\(below.text)")
        }
        #expect(below.text.contains("2 problems"), "\(below.text)")
        #expect(try await fixture.run("git", ["rev-parse", "main"], in: bare) == good.text + "\n")

        // What was merged is vouched for by who signed the merge; a commit that is broken below one that is not is passed over.
        try await fixture.git(["reset", "-q", "--hard", good.text])
        try await fixture.git(["checkout", "-q", "-b", "side"])
        try await fixture.commit("somebody's change")
        try await fixture.git(["checkout", "-q", "main"])
        try fixture.write("fleet.yaml", valid.replacing("connect:", with: "conect:"))
        try await fixture.git(signing + ["commit", "-q", "-a", "-S", "-m", "misspelled"])
        try fixture.write("fleet.yaml", valid)
        try await fixture.git(signing + ["commit", "-q", "-a", "-S", "-m", "mended"])
        try await fixture.git(signing + ["merge", "-q", "--no-ff", "-S", "-m", "merged", "side"])
        let merged = try await push(fixture, [bare, "main"])
        #expect(merged.taken, "\(merged.text)")
        // Rewritten, only what is new is looked at.
        try await fixture.git(["reset", "-q", "--hard", good.text])
        try await fixture.commit("forced in")
        try await fixture.git(signing + ["commit", "-q", "--allow-empty", "-S", "-m", "on top"])
        #expect(try await !push(fixture, ["--force", bare, "main"]).taken)
    }
}
