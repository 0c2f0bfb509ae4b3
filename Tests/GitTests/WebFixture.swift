import Foundation
import GitRepository
import TestSupport
import Testing

/// nginx, fcgiwrap and git-http-backend on loopback, with a certificate authority of their own.
final class WebFixture: Sendable {
    let fixture: GitFixture
    let port: Int
    /// Shows a certificate of another name.
    let misnamedPort: Int
    /// Where the redirects go; logs what it gets.
    let elsewherePort: Int
    let token = "canary-\(UUID().uuidString)"
    private let nginx: TestServer
    private let gateway: TestServer

    var authority: String { fixture.root + "/ca.pem" }
    var tokenFile: String { fixture.root + "/token" }
    var accessLog: String { (try? String(contentsOfFile: fixture.root + "/access.log", encoding: .utf8)) ?? "" }
    /// Waits until the backend keeps somebody waiting.
    func backendWaits() async throws { try await fixture.run("cat", [fixture.root + "/mode.waits"], in: fixture.root) }

    init(_ fixture: GitFixture) async throws {
        self.fixture = fixture
        let ports = [try TestServer.freePort(), try TestServer.freePort(), try TestServer.freePort()]
        (port, misnamedPort, elsewherePort) = (ports[0], ports[1], ports[2])
        try await Self.certificate("ca", "/CN=lab", ["-x509", "-addext", "basicConstraints=critical,CA:TRUE"], fixture)
        try await Self.certificate("other-ca", "/CN=other", ["-x509"], fixture)
        for (name, host) in [("server", "localhost"), ("misnamed", "git.example")] {
            try await Self.certificate(name, "/CN=\(host)", ["-addext", "subjectAltName=DNS:\(host)"], fixture)
            try await fixture.run(
                "openssl",
                [
                    "x509", "-req", "-in", "\(name).pem", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                    "-copy_extensions", "copy", "-days", "2", "-out", "\(name).crt",
                ], in: fixture.root)
        }
        try Self.write("\(token)\n", fixture.root + "/token", 0o600)
        try Self.write("git:{PLAIN}\(token)\n", fixture.root + "/passwords", 0o644)
        try Self.write("fine\n", fixture.root + "/mode", 0o644)
        try #require(mkfifo(fixture.root + "/mode.waits", 0o600) == 0)
        try Self.write(Self.configuration(fixture.root, ports), fixture.root + "/nginx.conf", 0o644)
        gateway = try TestServer(
            "/usr/sbin/fcgiwrap", ["-f", "-s", "unix:\(fixture.root)/gateway.sock"], isDeaf: true)
        nginx = try TestServer("/usr/sbin/nginx", ["-e", "stderr", "-c", fixture.root + "/nginx.conf"])
        try await nginx.says("start worker process")
    }

    /// What the backend does from now on: `fine`, `silent`, `damaged`, `cut`, `stalled`.
    func mode(_ word: String) throws { try Self.write(word, fixture.root + "/mode", 0o644) }

    func repository(
        _ path: String = "/source/.git", port: Int? = nil, access: GitAccess? = nil, limits: GitLimits = GitLimits()
    ) throws -> GitRepository {
        GitRepository(
            folder: fixture.copy, location: try GitLocation("https://localhost:\(port ?? self.port)\(path)"),
            branch: "main", access: access ?? GitAccess(tokenFile: tokenFile, authorityFile: authority),
            limits: limits, program: GitFixture.program)
    }

    static func write(_ text: String, _ path: String, _ mode: mode_t) throws {
        try Data(text.utf8).write(to: URL(filePath: path))
        try #require(chmod(path, mode) == 0)
    }

    private static func certificate(
        _ name: String, _ subject: String, _ more: [String], _ fixture: GitFixture
    ) async throws {
        try await fixture.run(
            "openssl",
            [
                "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
                "\(name).key", "-out", "\(name).pem", "-subj", subject,
            ] + more, in: fixture.root)
    }

    private static func configuration(_ root: String, _ ports: [Int]) -> String {
        let backend = Lab.repository.appending(path: "Tests/GitTests/Servers/backend").path
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map { "\($0)_temp_path \(root)/nginx-\($0);" }.joined(separator: "\n    ")
        func server(_ port: Int, _ certificate: String, _ body: String) -> String {
            """
                server {
                    listen 127.0.0.1:\(port) ssl;
                    ssl_certificate \(root)/\(certificate).crt;
                    ssl_certificate_key \(root)/\(certificate).key;
                    \(body)
                }

            """
        }
        let git = """
            location /moved/ { return 302 https://localhost:\(ports[2])/source/.git$is_args$args; }
                    location /away/ { return 301 https://127.0.0.1:\(ports[2])$request_uri; }
                    location / {
                        auth_basic git;
                        auth_basic_user_file \(root)/passwords;
                        fastcgi_pass unix:\(root)/gateway.sock;
                        fastcgi_buffering off;
                        fastcgi_pass_request_headers off;
                        fastcgi_param SCRIPT_FILENAME \(backend);
                        fastcgi_param GIT_PROJECT_ROOT \(root);
                        fastcgi_param GIT_HTTP_EXPORT_ALL 1;
                        fastcgi_param MODE \(root)/mode;
                        fastcgi_param PATH_INFO $uri;
                        fastcgi_param QUERY_STRING $query_string;
                        fastcgi_param REQUEST_METHOD $request_method;
                        fastcgi_param CONTENT_TYPE $content_type;
                        fastcgi_param CONTENT_LENGTH $content_length;
                        fastcgi_param HTTP_CONTENT_ENCODING $http_content_encoding;
                    }
            """
        return """
            user root;
            daemon off;
            pid \(root)/nginx.pid;
            worker_processes 1;
            error_log stderr notice;
            events {}
            http {
                \(temporary)
                log_format all '$server_port $status "$request" "$http_authorization" "$http_cookie"';
                access_log \(root)/access.log all;
            \(server(ports[0], "server", git))\(server(ports[1], "misnamed", git))\
            \(server(ports[2], "server", "add_header WWW-Authenticate 'Basic realm=git' always; return 401;"))
            }

            """
    }
}
