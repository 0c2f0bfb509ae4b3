import Foundation
import GitRepository
import Testing

@Suite struct PackTests {
    @Test func packsAreFolded() async throws {
        let fixture = try await GitFixture()
        let repository = try fixture.repository(limits: GitLimits(packs: 5))
        var commits: [GitCommitID] = []
        for number in 0..<6 {
            try fixture.write("a.yaml", "a: \(number)\n")
            commits.append(try await fixture.commit("\(number)"))
            #expect(try await repository.fetch() == commits.last)
            try await repository.writeNote("note \(number)", on: commits[number])
            if number == 2 { try await fixture.git(["reset", "-q", "--hard", commits[0].text]) }
        }
        #expect(try fixture.packs(".pack") == 1)
        #expect(try fixture.packs(".idx") == 1)
        // All of it is there, also what was forced away, and git agrees.
        for (number, commit) in commits.enumerated() {
            #expect(try await repository.files(of: commit).map(\.bytes) == [Array("a: \(number)\n".utf8)])
            #expect(try await repository.readNote(on: commit) == "note \(number)")
        }
        try await fixture.run("git", ["fsck", "--full", "--strict"], in: fixture.copy)
        // The last note came after the fold.
        let loose = try FileManager.default.subpathsOfDirectory(atPath: fixture.copy + "/objects")
            .count { $0.utf8.count == 41 }
        #expect(loose == 3)
    }

    /// A reader keeps the packs in place; they go another time.
    @Test func packsThatAreRead() async throws {
        let fixture = try await GitFixture()
        let repository = try fixture.repository(limits: GitLimits(packs: 3))
        var last = try await fixture.commit("0")
        try await repository.fetch()
        let reader = open(fixture.copy + ".readers", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        #expect(flock(reader, LOCK_SH) == 0)
        for number in 1...3 {
            try fixture.write("a.yaml", "a: \(number)\n")
            last = try await fixture.commit("\(number)")
            try await repository.fetch()
        }
        #expect(try fixture.packs(".pack") == 5)
        close(reader)
        #expect(try await repository.files(of: last).count == 1)
        for number in 4...12 {
            try fixture.write("a.yaml", "a: \(number)\n")
            last = try await fixture.commit("\(number)")
            try await repository.fetch()
        }
        #expect(try fixture.packs(".pack") < 5)
        #expect(try await repository.history(from: last, limit: 99).count == 13)
    }

    /// A read that is late is no proof of damage: the copy is looked at, and stays.
    @Test func aReadThatIsLate() async throws {
        let fixture = try await GitFixture()
        try fixture.write("a.yaml", "a: 1\n")
        let commit = try await fixture.commit("first")
        let repository = try fixture.repository()
        try await repository.fetch()
        try Data("ours".utf8).write(to: URL(filePath: fixture.copy + "/marker"))
        let hasty = try fixture.repository(limits: GitLimits(deadline: .zero))
        guard case .deadline = await gitError({ _ = try await hasty.files(of: commit) }) else {
            Issue.record("it was not late")
            return
        }
        #expect(try await repository.fetch() == commit)
        #expect(FileManager.default.fileExists(atPath: fixture.copy + "/marker"))
        #expect(!FileManager.default.fileExists(atPath: fixture.copy + ".unfinished"))
    }

    @Test func nothingGrows() async throws { try await Growth.run(polls: 400, commits: 50) }

    @Test func nothingGrowsOverSSH() async throws { try await Growth.overSSH(polls: 20, commits: 3) }

    @Test func nothingGrowsOverHTTPS() async throws { try await Growth.overHTTPS(polls: 20, commits: 3) }
}
