import Foundation

/// nginx, fcgiwrap and git-http-backend on loopback, with a certificate authority of their own.
public final class GitWebServer: Sendable {
    /// The folder of its files.
    public let root: String
    /// Where it listens, as `localhost`.
    public let port: Int
    /// Shows a certificate of another name.
    public let misnamedPort: Int
    /// Where the redirects go; logs what it gets.
    public let elsewherePort: Int
    /// The password of the user `git`.
    public let token = "canary-\(UUID().uuidString)"
    private let nginx: TestServer
    private let gateway: TestServer

    /// The authority's certificate.
    public var authority: String { root + "/ca.pem" }
    /// A file with the token.
    public var tokenFile: String { root + "/token" }
    /// All requests, with what was shown to log in.
    public var accessLog: String { (try? String(contentsOfFile: root + "/access.log", encoding: .utf8)) ?? "" }

    /// What the backend does from now on: `fine`, `silent`, `damaged`, `cut`, `stalled`, `redirect`.
    public func mode(_ word: String) throws { try GitServers.write(word, root + "/mode", 0o644) }

    /// Waits until the backend keeps somebody waiting.
    public func backendWaits() async throws { try await TestServer.run("cat", [root + "/mode.waits"]) }

    /// - Parameters:
    ///   - root: a folder for its files.
    ///   - projects: what is served is below it.
    public init(root: String, projects: String) async throws {
        self.root = root
        let ports = [try TestServer.freePort(), try TestServer.freePort(), try TestServer.freePort()]
        (port, misnamedPort, elsewherePort) = (ports[0], ports[1], ports[2])
        try await Self.certificate("ca", "/CN=lab", ["-x509", "-addext", "basicConstraints=critical,CA:TRUE"], root)
        try await Self.certificate("other-ca", "/CN=other", ["-x509"], root)
        for (name, host) in [("server", "localhost"), ("misnamed", "git.example")] {
            try await Self.certificate(name, "/CN=\(host)", ["-addext", "subjectAltName=DNS:\(host)"], root)
            try await TestServer.run(
                "openssl",
                [
                    "x509", "-req", "-in", "\(name).pem", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                    "-copy_extensions", "copy", "-days", "2", "-out", "\(name).crt",
                ], in: root)
        }
        try GitServers.write("\(token)\n", root + "/token", 0o600)
        try GitServers.write("git:{PLAIN}\(token)\n", root + "/passwords", 0o644)
        try GitServers.write("fine\n", root + "/mode", 0o644)
        guard mkfifo(root + "/mode.waits", 0o600) == 0 else { throw TestServer.Failure(description: "mkfifo") }
        try GitServers.write(Self.configuration(root, projects, ports), root + "/nginx.conf", 0o644)
        gateway = try TestServer("/usr/sbin/fcgiwrap", ["-f", "-s", "unix:\(root)/gateway.sock"], isDeaf: true)
        nginx = try TestServer("/usr/sbin/nginx", ["-e", "stderr", "-c", root + "/nginx.conf"])
        try await nginx.says("start worker process")
    }

    private static func certificate(_ name: String, _ subject: String, _ more: [String], _ root: String) async throws {
        try await TestServer.run(
            "openssl",
            [
                "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
                "\(name).key", "-out", "\(name).pem", "-subj", subject,
            ] + more, in: root)
    }

    private static func configuration(_ root: String, _ projects: String, _ ports: [Int]) -> String {
        let backend = GitServers.folder + "/backend"
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
                        fastcgi_param GIT_PROJECT_ROOT \(projects);
                        fastcgi_param GIT_HTTP_EXPORT_ALL 1;
                        fastcgi_param MODE \(root)/mode;
                        fastcgi_param ELSEWHERE https://127.0.0.1:\(ports[2]);
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
