import GitRepository
import TestSupport

/// A repository behind a web server.
struct WebFixture: Sendable {
    let fixture: GitFixture
    let server: GitWebServer

    init() async throws {
        fixture = try await GitFixture()
        server = try await GitWebServer(root: fixture.root, projects: fixture.root)
    }

    func repository(
        _ path: String = "/source/.git", port: Int? = nil, access: GitAccess? = nil, limits: GitLimits = GitLimits()
    ) throws -> GitRepository {
        GitRepository(
            folder: fixture.copy, location: try GitLocation("https://localhost:\(port ?? server.port)\(path)"),
            branch: "main", access: access ?? GitAccess(tokenFile: server.tokenFile, authorityFile: server.authority),
            limits: limits, program: GitFixture.program)
    }
}
