import Foundation
import GitRepository
import TestSupport
import Testing

/// A real sshd on loopback with keys of its own.
@Suite struct SSHTests {
    private func serve(_ fixture: GitFixture, authorized: String) async throws -> GitSSHServer {
        try await GitSSHServer(root: fixture.root, authorized: authorized)
    }

    private func fingerprint(_ fixture: GitFixture, _ key: String) async throws -> String {
        let text = try await fixture.run("ssh-keygen", ["-l", "-f", "/dev/stdin"], in: fixture.root, input: key)
        return String(try #require(text.split(separator: " ").dropFirst().first))
    }

    private func repository(
        _ fixture: GitFixture, _ server: GitSSHServer, known: String, identity: String, copy: String = "copy"
    ) throws -> GitRepository {
        let file = "\(fixture.root)/known-\(UUID().uuidString)"
        try Data((known + "\n").utf8).write(to: URL(filePath: file))
        return GitRepository(
            folder: fixture.root + "/" + copy,
            location: try GitLocation("ssh://root@127.0.0.1:\(server.port)\(fixture.source)"), branch: "main",
            access: GitAccess(identityFile: identity, knownHostsFile: file), program: GitFixture.program)
    }

    @Test func followedBySSH() async throws {
        let fixture = try await GitFixture()
        let client = try await fixture.sshKey("client")
        let server = try await serve(fixture, authorized: client.publicKey)
        try fixture.write("a.yaml", "a: 1\n")
        let first = try await fixture.commit("first")
        let repository = try repository(fixture, server, known: server.line(server.name), identity: client.file)
        #expect(try await repository.remoteHead() == first)
        #expect(try await repository.fetch() == first)
        #expect(try await repository.files(of: first).map(\.path) == ["a.yaml"])
        try fixture.write("a.yaml", "a: 2\n")
        let second = try await fixture.commit("second")
        #expect(try await repository.remoteHead() == second)
        #expect(try await repository.fetch() == second)
        #expect(try await repository.history(from: second, limit: 5).map(\.id) == [second, first])
        await server.end()
        guard case .unreachable = await gitError({ _ = try await repository.remoteHead() }) else {
            Issue.record("a server that is gone answers")
            return
        }
        #expect(try await repository.files(of: second).map(\.path) == ["a.yaml"])
    }

    @Test("hostile git: a host key that changed or is unknown") func hostKeys() async throws {
        let fixture = try await GitFixture()
        let client = try await fixture.sshKey("client")
        let other = try await fixture.sshKey("other")
        let server = try await serve(fixture, authorized: client.publicKey)
        let head = try await fixture.commit("first")
        let presented = try await fingerprint(fixture, server.hostKey)
        let expected = try await fingerprint(fixture, other.publicKey)
        let otherKey = other.publicKey.split(separator: " ").prefix(2).joined(separator: " ")
        let unknown = GitError.hostKey(host: "127.0.0.1:\(server.port)", expected: [], presented: presented)
        let changed = GitError.hostKey(host: "127.0.0.1:\(server.port)", expected: [expected], presented: presented)
        func hashed(_ line: String) async throws -> String {
            let file = "\(fixture.root)/hashed-\(UUID().uuidString)"
            try Data((line + "\n").utf8).write(to: URL(filePath: file))
            try await fixture.run("ssh-keygen", ["-q", "-H", "-f", file], in: fixture.root)
            return try String(contentsOfFile: file, encoding: .utf8).trimmingCharacters(in: .newlines)
        }
        for (known, error) in [
            (server.line(server.name), nil), (server.line("x,\(server.name)"), nil),
            (try await hashed(server.line(server.name)), nil), (server.line("127.0.0.1"), nil),
            ("", unknown), ("# nothing", unknown), (server.line("git.example"), unknown),
            (server.line("[127.0.0.1]:1"), unknown), ("\(server.name) \(otherKey)", changed),
            (try await hashed("\(server.name) \(otherKey)"), changed),
        ] as [(String, GitError?)] {
            let repository = try repository(fixture, server, known: known, identity: client.file)
            for isFetch in [false, true] {
                let told = await gitError {
                    let found = isFetch ? try await repository.fetch() : try await repository.remoteHead()
                    #expect(found == head)
                }
                #expect(told == error, "\(known)")
            }
        }
        #expect(changed.description.contains("has changed: known is \(expected), it shows \(presented)"))
        #expect(unknown.description.contains("is not in the known hosts file; it shows \(presented)"))
        // What OpenSSH understands and libssh2 does not is refused with its reason, and never taken for less than it says.
        for line in [
            "@revoked * \(server.line("").trimmingCharacters(in: .whitespaces))\n" + server.line(server.name),
            server.line("*"), server.line("[127.0.0.*]:\(server.port)"),
        ] {
            let repository = try repository(fixture, server, known: line, identity: client.file)
            guard case .authentication(let text) = await gitError({ _ = try await repository.remoteHead() }) else {
                Issue.record("\(line) was taken")
                continue
            }
            #expect(text.contains("known hosts file"))
        }
    }

    @Test func clientKeys() async throws {
        let fixture = try await GitFixture()
        let client = try await fixture.sshKey("client")
        let other = try await fixture.sshKey("other")
        let server = try await serve(fixture, authorized: client.publicKey)
        try await fixture.commit("first")
        let known = server.line(server.name)
        func refusal(_ identity: String) async throws -> String {
            let repository = try repository(fixture, server, known: known, identity: identity)
            guard case .authentication(let text) = await gitError({ _ = try await repository.fetch() }) else {
                Issue.record("\(identity) was taken")
                return ""
            }
            return text
        }
        #expect(try await refusal(other.file).contains("127.0.0.1 does not accept the key for root"))
        #expect(try await refusal(fixture.root + "/nothing").contains("cannot be read"))
        #expect(try await refusal(fixture.root).contains("is not a file"))
        #expect(try await refusal(other.file + ".pub").contains("everybody may read"))
        let before = server.text
        #expect(chmod(client.file, 0o644) == 0)
        #expect(try await refusal(client.file).contains("everybody may read"))
        // Nobody was asked.
        #expect(server.text == before)
        #expect(chmod(client.file, 0o600) == 0)
        // A key under a passphrase: told, not asked for.
        let locked = fixture.root + "/home/locked"
        try await fixture.run(
            "ssh-keygen", ["-q", "-t", "ed25519", "-N", "hunter2", "-f", locked], in: fixture.root)
        #expect(!(try await refusal(locked)).contains("hunter2"))
    }
}
