import Foundation
import GitRepository
import TestSupport
import Testing

@Suite struct WebTests {
    @Test func followedByHTTPS() async throws {
        let web = try await WebFixture()
        let fixture = web.fixture
        try fixture.write("a.yaml", "a: 1\n")
        let first = try await fixture.commit("first")
        let repository = try web.repository()
        #expect(try await repository.remoteHead() == first)
        #expect(try await repository.fetch() == first)
        try fixture.write("a.yaml", "a: 2\n")
        let second = try await fixture.commit("second")
        #expect(try await repository.fetch() == second)
        #expect(try await repository.files(of: second).map(\.bytes) == [Array("a: 2\n".utf8)])
        let missing = try web.repository("/nothing.git")
        guard case .notFound = await gitError({ _ = try await missing.remoteHead() }) else {
            Issue.record("a repository that is not there was found")
            return
        }
    }

    @Test func tokens() async throws {
        let web = try await WebFixture()
        try await web.fixture.commit("first")
        let other = web.fixture.root + "/other-token"
        func refusal(_ access: GitAccess) async throws -> String {
            let repository = try web.repository(access: access)
            guard case .authentication(let text) = await gitError({ _ = try await repository.fetch() }) else {
                Issue.record("\(access) was taken")
                return ""
            }
            #expect(!text.contains("canary"))
            return text
        }
        #expect(try await refusal(GitAccess(authorityFile: web.server.authority)).contains("wants a login"))
        try GitServers.write("canary-wrong\n", other, 0o600)
        #expect(
            try await refusal(GitAccess(tokenFile: other, authorityFile: web.server.authority)).contains(
                "does not accept"))
        try GitServers.write("\n", other, 0o600)
        #expect(
            try await refusal(GitAccess(tokenFile: other, authorityFile: web.server.authority)).contains("is empty"))
        try GitServers.write("\(web.server.token)\n", other, 0o644)
        let readable = try await refusal(GitAccess(tokenFile: other, authorityFile: web.server.authority))
        #expect(readable.contains("everybody may read"))
        #expect(
            try await refusal(GitAccess(tokenFile: other + "-", authorityFile: web.server.authority)).contains(
                "cannot be read"))
        let name = GitAccess(tokenFile: web.server.tokenFile, userName: "nobody", authorityFile: web.server.authority)
        #expect(try await refusal(name).contains("does not accept"))
    }

    @Test func certificates() async throws {
        let web = try await WebFixture()
        try await web.fixture.commit("first")
        let other = GitAccess(tokenFile: web.server.tokenFile, authorityFile: web.fixture.root + "/other-ca.pem")
        let system = GitAccess(tokenFile: web.server.tokenFile)
        for repository in [
            try web.repository(access: other), try web.repository(access: system),
            try web.repository(port: web.server.misnamedPort),
        ] {
            guard case .certificate = await gitError({ _ = try await repository.fetch() }) else {
                Issue.record("a certificate was accepted: \(repository.location?.description ?? "")")
                continue
            }
        }
        // Not even asked.
        #expect(!web.server.accessLog.contains("GET"))
        for file in ["/nothing", web.server.tokenFile] {
            let repository = try web.repository(access: GitAccess(tokenFile: web.server.tokenFile, authorityFile: file))
            guard case .certificate(let text) = await gitError({ _ = try await repository.fetch() }) else {
                Issue.record("\(file) is no authority")
                continue
            }
            #expect(text.contains(file) && !text.contains(web.server.token))
        }
    }

    @Test func redirects() async throws {
        let web = try await WebFixture()
        try await web.fixture.commit("first")
        for path in ["/moved/x.git", "/away/source/.git"] {
            let repository = try web.repository(path)
            let error = await gitError { _ = try await repository.fetch() }
            guard case .redirect = error else {
                Issue.record("\(path): \(String(describing: error))")
                continue
            }
        }
        // Whoever gets the request gets no credential with it.
        #expect(web.server.accessLog.contains(" 302 ") && web.server.accessLog.contains(" 301 "))
        #expect(!web.server.accessLog.contains("Basic"))
        // libgit2 goes to another port of the same name, and is asked for a login there.
        #expect(web.server.accessLog.contains("\(web.server.elsewherePort) 401 "))
    }

    /// While a server that knows the token keeps us waiting, nothing on the machine shows it.
    @Test func nothingShowsTheToken() async throws {
        let web = try await WebFixture()
        try await web.fixture.commit("first")
        try web.server.mode("silent")
        let repository = try web.repository()
        let asking = Task { await gitError { _ = try await repository.remoteHead() } }
        try await web.server.backendWaits()
        // nginx has seen it.
        let encoded = Data("git:\(web.server.token)".utf8).base64EncodedString()
        var workers = 0
        for process in try FileManager.default.contentsOfDirectory(atPath: "/proc") where Int(process) != nil {
            for file in ["cmdline", "environ"] {
                guard let data = FileManager.default.contents(atPath: "/proc/\(process)/\(file)") else { continue }
                let text = String(decoding: data, as: UTF8.self)
                if file == "cmdline", text.contains("git-worker") { workers += 1 }
                // The backend gets no such header of the request.
                #expect(!text.contains(web.server.token) && !text.contains(encoded))
            }
        }
        #expect(workers == 1)
        try web.server.mode("fine")
        #expect(await asking.value == nil)
        #expect(web.server.accessLog.contains("Basic " + encoded))
        // Nor does what stays on the disk.
        try await repository.fetch()
        for name in try FileManager.default.subpathsOfDirectory(atPath: web.fixture.root + "/state") {
            guard let data = FileManager.default.contents(atPath: "\(web.fixture.root)/state/\(name)") else { continue }
            #expect(data.range(of: Data(web.server.token.utf8)) == nil)
        }
    }
}
