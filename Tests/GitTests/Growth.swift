import Foundation
import GitRepository
import TestSupport
import Testing

/// Many looks at a branch that does not move, and many commits: neither memory nor descriptors grow.
enum Growth {
    private static let limits = GitLimits(packs: 20)

    static func run(polls: Int, commits: Int) async throws {
        let fixture = try await GitFixture()
        try await run(fixture, try fixture.repository(limits: limits), "file", polls, commits)
    }

    static func overHTTPS(polls: Int, commits: Int) async throws {
        let web = try await WebFixture()
        try await run(web.fixture, try web.repository(limits: limits), "https", polls, commits)
    }

    static func overSSH(polls: Int, commits: Int) async throws {
        let fixture = try await GitFixture()
        let client = try await fixture.sshKey("client")
        let server = try await GitSSHServer(root: fixture.root, authorized: client.publicKey)
        try GitServers.write(server.line(server.name) + "\n", fixture.root + "/known", 0o644)
        let repository = GitRepository(
            folder: fixture.copy,
            location: try GitLocation("ssh://root@127.0.0.1:\(server.port)\(fixture.source)"), branch: "main",
            access: GitAccess(identityFile: client.file, knownHostsFile: fixture.root + "/known"), limits: limits,
            program: GitFixture.program)
        try await run(fixture, repository, "ssh", polls, commits)
        await server.end()
    }

    private static func run(
        _ fixture: GitFixture, _ repository: GitRepository, _ way: String, _ polls: Int, _ commits: Int
    ) async throws {
        var head = try await fixture.commit("0")
        try await repository.fetch()
        func look(_ times: Int) async throws {
            for _ in 0..<times {
                guard try await repository.remoteHead() == head else {
                    Issue.record("another head")
                    return
                }
            }
        }
        func move(_ times: Int) async throws {
            for number in 0..<times {
                try fixture.write("a.yaml", "a: \(number) \(UUID().uuidString)\n")
                head = try await fixture.commit("\(number)")
                #expect(try await repository.fetch() == head)
                #expect(try await repository.files(of: head).count == 1)
            }
        }
        try await look(polls / 10)
        try await move(commits / 10)
        let before = (memory: try memory(), descriptors: try descriptors())
        try await look(polls - polls / 10)
        try await move(commits - commits / 10)
        let after = (memory: try memory(), descriptors: try descriptors())
        print("\(way): \(polls) polls, \(commits) commits: \(before) before, \(after) after")
        // 16 KiB for each look, where that is between 6 and 16 MiB.
        #expect(after.memory - before.memory < min(16 << 10, max(6 << 10, polls * 16)))
        #expect(after.descriptors <= before.descriptors)
        #expect(try fixture.packs(".pack") <= 31)
        #expect(try await repository.history(from: head, limit: 10_000).count == 1 + commits)
    }

    /// The pages of this process, in KiB.
    private static func memory() throws -> Int {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") })
        return try #require(Int(line.split(separator: " ")[line.split(separator: " ").count - 2]))
    }

    private static func descriptors() throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count
    }
}

extension GitFixture {
    /// How many files of the copy's packs end so.
    func packs(_ ending: String) throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: copy + "/objects/pack").count { $0.hasSuffix(ending) }
    }
}
