import Foundation
import GitRepository
import TestSupport
import Testing

/// Servers that stall, stop or send something else than they should: the error says so, nothing is left behind, and the
/// next fetch brings what this one did not.
@Suite struct FaultTests {
    private static let short = GitLimits(deadline: .seconds(3), fetchDeadline: .seconds(3))

    /// Enough that no pack is empty in its middle.
    private func commit(_ fixture: GitFixture, _ number: Int) async throws -> GitCommitID {
        let random = Data((0..<200_000).map { _ in UInt8.random(in: 0...255) })
        try fixture.write("a.yaml", random)
        return try await fixture.commit("\(number)")
    }

    private func descriptors() throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count
    }

    /// Processes of ours that have ended and were not collected, or are workers.
    private func leftWorkers() throws -> [String] {
        let children = try String(contentsOfFile: "/proc/self/task/\(getpid())/children", encoding: .utf8)
        return children.split(separator: " ").compactMap { child in
            guard let status = try? String(contentsOfFile: "/proc/\(child)/status", encoding: .utf8) else { return nil }
            let command = (try? String(contentsOfFile: "/proc/\(child)/cmdline", encoding: .utf8)) ?? ""
            return status.contains("State:\tZ") || command.contains("git-worker")
                ? "\(child) \(status.prefix(60))" : nil
        }
    }

    private func isDeadline(_ error: GitError?) -> Bool { if case .deadline = error { true } else { false } }

    @Test func overHTTPS() async throws {
        let web = try await WebFixture()
        let repository = try web.repository(limits: Self.short)
        var last = try await commit(web.fixture, 0)
        #expect(try await repository.fetch() == last)
        let before = try descriptors()
        for (number, mode) in ["silent", "stalled", "cut", "damaged"].enumerated() {
            let next = try await commit(web.fixture, number + 1)
            try web.server.mode(mode)
            let error = await gitError { _ = try await repository.fetch() }
            switch (mode, error) {
            case ("silent", .deadline), ("stalled", .deadline), ("damaged", .damaged), ("cut", .damaged),
                ("cut", .unreachable):
                break
            default: Issue.record("\(mode): \(String(describing: error))")
            }
            // What was there stays in force.
            #expect(try await repository.files(of: last).count == 1)
            try web.server.mode("fine")
            #expect(try await repository.fetch() == next)
            #expect(try await repository.files(of: next).count == 1)
            #expect(try await repository.history(from: next, limit: 9).count == number + 2)
            last = next
        }
        #expect(try leftWorkers().isEmpty)
        #expect(try descriptors() <= before)
        // Nothing half is kept.
        let left = try FileManager.default.subpathsOfDirectory(atPath: web.fixture.copy + "/objects")
        #expect(left.filter { $0.contains("pack_git2") || $0.contains("tmp_") }.isEmpty)
    }

    /// A first clone that breaks off, by the connection itself: https and ssh alike are bytes of TCP.
    @Test func brokenConnections() async throws {
        let web = try await WebFixture()
        let head = try await commit(web.fixture, 0)
        let servers = Lab.repository.appending(path: "Tests/GitTests/Servers/proxy").path
        for (bytes, what) in [(100, "cut"), (60_000, "cut"), (60_000, "stall")] {
            let proxy = try TestServer(
                "/usr/bin/python3", [servers, "\(web.server.port)", "\(bytes)", what], isDeaf: true)
            try await proxy.says("listens")
            let port = try #require(Int(proxy.text.split(separator: " ")[1]))
            let repository = try web.repository(port: port, limits: Self.short)
            let error = await gitError { _ = try await repository.fetch() }
            switch (what, error) {
            case ("stall", .deadline), ("cut", .unreachable), ("cut", .damaged): break
            default: Issue.record("\(what) after \(bytes): \(String(describing: error))")
            }
            #expect(proxy.text.contains(what))
            #expect(!FileManager.default.fileExists(atPath: web.fixture.copy))
            // Connections take turns: the next one may go through.
            var fetched: GitCommitID?
            for _ in 0..<3 where fetched == nil { fetched = try? await repository.fetch() }
            #expect(fetched == head)
            try FileManager.default.removeItem(atPath: web.fixture.copy)
        }
    }

    /// Connections are taken, and nothing is said.
    @Test func serversThatSayNothing() async throws {
        let fixture = try await GitFixture()
        let servers = Lab.repository.appending(path: "Tests/GitTests/Servers/proxy").path
        let proxy = try TestServer("/usr/bin/python3", [servers, "0", "0", "stall"], isDeaf: true)
        try await proxy.says("listens")
        let port = try #require(Int(proxy.text.split(separator: " ")[1]))
        let key = try await fixture.sshKey("client")
        try Data().write(to: URL(filePath: fixture.root + "/known"))
        let access = GitAccess(identityFile: key.file, knownHostsFile: fixture.root + "/known")
        for location in ["https://localhost:\(port)/x.git", "ssh://git@127.0.0.1:\(port)/x.git"] {
            let repository = GitRepository(
                folder: fixture.copy, location: try GitLocation(location), branch: "main", access: access,
                limits: GitLimits(deadline: .seconds(1), fetchDeadline: .seconds(1)), program: GitFixture.program)
            #expect(isDeadline(await gitError { _ = try await repository.remoteHead() }))
            #expect(isDeadline(await gitError { _ = try await repository.fetch() }))
            // The caller that does not want to wait is not kept either.
            let asking = Task { await gitError { _ = try await repository.fetch() } }
            asking.cancel()
            #expect(isDeadline(await asking.value))
        }
        #expect(try leftWorkers().isEmpty)
    }
}
