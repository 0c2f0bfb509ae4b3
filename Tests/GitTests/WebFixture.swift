import Foundation
import GitRepository
import TestSupport
import Testing

/// A repository behind nginx and git-http-backend.
final class WebFixture: Sendable {
    let fixture: GitFixture
    private let server: GitWebServer

    var port: Int { server.port }
    /// Shows a certificate of another name.
    var misnamedPort: Int { server.misnamedPort }
    /// Where the redirects go.
    var elsewherePort: Int { server.elsewherePort }
    var token: String { server.token }
    var authority: String { server.authority }
    var tokenFile: String { server.tokenFile }
    var accessLog: String { server.accessLog }

    /// Waits until the backend keeps somebody waiting.
    func backendWaits() async throws { try await fixture.run("cat", [server.modeFile + ".waits"], in: fixture.root) }

    init(_ fixture: GitFixture) async throws {
        self.fixture = fixture
        server = try await GitWebServer(root: fixture.root, projects: fixture.root)
    }

    /// What the backend does from now on: `fine`, `silent`, `damaged`, `cut`, `stalled`, `redirect`.
    func mode(_ word: String) throws { try server.mode(word) }

    func repository(
        _ path: String = "/source/.git", port: Int? = nil, access: GitAccess? = nil, limits: GitLimits = GitLimits()
    ) throws -> GitRepository {
        GitRepository(
            folder: fixture.copy, location: try GitLocation("https://localhost:\(port ?? self.port)\(path)"),
            branch: "main", access: access ?? GitAccess(tokenFile: tokenFile, authorityFile: authority),
            limits: limits, program: GitFixture.program)
    }

    static func write(_ text: String, _ path: String, _ mode: mode_t) throws {
        try GitServers.write(text, path, mode)
    }
}
