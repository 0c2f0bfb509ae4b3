import Foundation
import GitRepository
import Testing

@Suite struct GitRepositoryTests {
    @Test func cloneFollowRead() async throws {
        let fixture = try await GitFixture()
        let repository = try fixture.repository()
        #expect(try await repository.remoteHead() == nil)
        #expect(await gitError { _ = try await repository.fetch() } != nil)
        try fixture.write("fleet/b.yaml", "b: 1\n")
        try fixture.write("fleet/a/x.yml", "x: 1\n")
        try fixture.write("fleet/README.md", "no manifest\n")
        try fixture.write("fleet/.hidden/y.yaml", "hidden\n")
        try fixture.write("other.yaml", "o: 1\n")
        let first = try await fixture.commit("First\n\nMore of it")
        #expect(try await repository.remoteHead() == first)
        #expect(try await repository.fetch() == first)
        let files = try await repository.files(of: first, below: "fleet")
        #expect(
            files == [
                GitFile(path: "a/x.yml", bytes: Array("x: 1\n".utf8)),
                GitFile(path: "b.yaml", bytes: Array("b: 1\n".utf8)),
            ])
        #expect(try await repository.files(of: first).map(\.path) == ["fleet/a/x.yml", "fleet/b.yaml", "other.yaml"])
        let commit = try await repository.commit(first)
        #expect(commit.summary == "First")
        #expect(commit.author == GitCommit.Person(name: "Ada", email: "ada@example.org"))
        #expect(commit.committer.name == "Bob")
        #expect(commit.parents.isEmpty)

        try fixture.write("fleet/b.yaml", "b: 2\n")
        let second = try await fixture.commit("Second")
        #expect(try await repository.fetch() == second)
        #expect(try await repository.fetch() == second)
        #expect(try await repository.commit(second).parents == [first])
        #expect(try await repository.history(from: second, limit: 9).map(\.id) == [second, first])
        #expect(try await repository.history(from: second, until: first, limit: 9).map(\.id) == [second])
        #expect(try await repository.resolve("main~1") == first)
        #expect(try await repository.resolve(String(first.text.prefix(9))) == first)
        for odd in ["-x", "main..x", "nothing", ":/First", "", "a b"] {
            guard case .notFound = await gitError({ _ = try await repository.resolve(odd) }) else {
                Issue.record("\(odd) was taken")
                continue
            }
        }
        try await repository.writeNote("converged\n", on: second)
        #expect(try await repository.readNote(on: second) == "converged\n")
        #expect(try await repository.readNote(on: first) == nil)
    }

    @Test("hostile git: a force push, an unrelated history") func howCommitsStandToEachOther() async throws {
        let fixture = try await GitFixture()
        let repository = try fixture.repository()
        let base = try await fixture.commit("base")
        let first = try await fixture.commit("first")
        #expect(try await repository.fetch() == first)
        #expect(try await repository.relation(of: first, to: first) == .same)
        #expect(try await repository.relation(of: base, to: first) == .ancestor)
        #expect(try await repository.relation(of: first, to: base) == .descendant)
        // A force push; what it left stays readable.
        try await fixture.git(["reset", "-q", "--hard", base.text])
        let forced = try await fixture.commit("forced")
        #expect(try await repository.fetch() == forced)
        #expect(try await repository.relation(of: first, to: forced) == .diverged)
        try await fixture.git(["checkout", "-q", "--orphan", "other"])
        let orphan = try await fixture.commit("orphan")
        try await fixture.git(["branch", "-f", "main", orphan.text])
        #expect(try await repository.fetch() == orphan)
        #expect(try await repository.relation(of: forced, to: orphan) == .unrelated)
    }

    @Test("hostile git: a manifest that is a link to /etc/shadow, a submodule, odd names") func whatNoManifestIs()
        async throws
    {
        let fixture = try await GitFixture()
        let repository = try fixture.repository()
        try fixture.write("ok.yaml", "a: 1\n")
        let blob = try await fixture.git(["hash-object", "-w", "--stdin"], input: "/etc/shadow")
            .trimmingCharacters(in: .newlines)
        try await fixture.commit()
        let submodule = try await fixture.head().text
        for (mode, kind, id, name, word) in [
            ("120000", "blob", blob, "link.yaml", "symbolic link"), ("120000", "blob", blob, "folder", "symbolic link"),
            ("160000", "commit", submodule, "sub", "submodule"), ("100644", "blob", blob, "a\u{1b}.yaml", "control"),
            ("100644", "blob", blob, ".git", "keeps"), ("100644", "blob", blob, "..", "keeps"),
            ("100644", "blob", blob, ".GIT", "keeps"), ("100644", "blob", blob, "a\nb.yaml", "control"),
        ] {
            let tree = try await fixture.git(["mktree", "-z"], input: "\(mode) \(kind) \(id)\t\(name)\0")
                .trimmingCharacters(in: .newlines)
            let commit = try await fixture.git(["commit-tree", "-m", "odd", tree]).trimmingCharacters(in: .newlines)
            try await fixture.git(["update-ref", "refs/heads/main", commit])
            let fetched = try await repository.fetch()
            guard case .forbiddenEntry(let text) = await gitError({ _ = try await repository.files(of: fetched) })
            else {
                Issue.record("\(name.debugDescription) was read")
                continue
            }
            #expect(text.contains(word))
        }
    }

    @Test("hostile git: a small object that inflates to a large one") func caps() async throws {
        let (fixture, repository) = try await Self.refusesAnObject(of: 64 << 20)
        try FileManager.default.removeItem(atPath: fixture.source + "/big.yaml")
        for number in 0..<5 { try fixture.write("f\(number).yaml", String(repeating: "#", count: 100)) }
        try await fixture.commit()
        let next = try await repository.fetch()
        #expect(try await repository.files(of: next).count == 5)
        let few = try fixture.repository(limits: GitLimits(files: 4))
        #expect(await gitError { _ = try await few.files(of: next) }?.description.contains("more than 4") == true)
        let small = try fixture.repository(limits: GitLimits(totalBytes: 450))
        #expect(await gitError { _ = try await small.files(of: next) }?.description.contains("450") == true)
    }

    /// Zeros, which pack to nearly nothing.
    @discardableResult
    static func refusesAnObject(of size: Int) async throws -> (fixture: GitFixture, repository: GitRepository) {
        let fixture = try await GitFixture()
        try fixture.write("big.yaml", Data(count: size))
        let commit = try await fixture.commit()
        let repository = try fixture.repository()
        try await repository.fetch()
        let error = await gitError { _ = try await repository.files(of: commit) }
        #expect(error == .tooLarge("big.yaml has \(size) bytes; at most \(4 << 20) are read"))
        return (fixture, repository)
    }

    /// libgit2 1.5 never returns from such an object.
    @Test("hostile git: a loose object that is cut off", .timeLimit(.minutes(5))) func anObjectThatIsCutOff()
        async throws
    {
        let fixture = try await GitFixture()
        let random = (0..<200_000).map { _ in UInt8.random(in: 0...255) }
        try fixture.write("a.yaml", Data(random))
        let commit = try await fixture.commit()
        let blob = try await fixture.git(["rev-parse", "HEAD:a.yaml"]).trimmingCharacters(in: .newlines)
        try await fixture.git(["clone", "-q", "--bare", "--no-hardlinks", fixture.source, fixture.copy])
        let file = "\(fixture.copy)/objects/\(blob.prefix(2))/\(blob.dropFirst(2))"
        #expect(chmod(file, 0o600) == 0)
        #expect(truncate(file, 4000) == 0)
        let repository = try fixture.repository(limits: GitLimits(deadline: .seconds(3)))
        let error = await gitError { _ = try await repository.files(of: commit) }
        switch error {
        case .deadline, .damaged: break
        default: Issue.record("\(String(describing: error))")
        }
        // Readable commits stay so, and the next fetch makes a new copy.
        #expect(try await repository.commit(commit).id == commit)
        #expect(try await repository.fetch() == commit)
        #expect(try await repository.files(of: commit).first?.bytes == random)
    }
}
