import Foundation
import Model
import Synchronization
import Testing

@testable import Watching

@Suite(.timeLimit(.minutes(2))) struct WatchServerTests {
    private final class Fixture: Sendable {
        let scratch: Scratch
        let metrics = WatchMetrics(version: "0.1.0")
        /// What the clock of `health` says, in seconds since it was made; it stands still unless it is moved.
        let elapsed: Elapsed
        let health: WatchHealth
        let wakes = Atomic(0)
        let server: WatchServer
        let secret = "0123456789abcdef0123456789abcdef"

        init(patience: Duration = .seconds(10), clients: Int = 32, hasWebhook: Bool = true) async throws {
            let elapsed = Elapsed()
            self.elapsed = elapsed
            health = WatchHealth(patience: .seconds(60)) { elapsed.instant }
            scratch = try Scratch()
            let path = try scratch.write("secret", secret + "\n")
            let counter = Counter()
            self.counter = counter
            let webhook = hasWebhook ? try Webhook(secretFile: path, branch: "main") { counter.add() } : nil
            server = try await WatchServer.start(
                WatchServer.Configuration(port: 0, hosts: ["watch.example"], clients: clients, patience: patience),
                metrics: metrics, health: health, webhook: webhook)
        }

        let counter: Counter

        /// The status and the body, by curl.
        func curl(_ path: String, _ arguments: [String] = []) async throws -> (status: String, body: String) {
            let text = try await shell(
                "curl", ["-s", "-w", "\n%{http_code}"] + arguments + ["http://127.0.0.1:\(server.port)\(path)"])
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
            return (String(lines.last ?? ""), lines.dropLast().joined(separator: "\n"))
        }

        /// A push message, its file, and its signature by OpenSSL.
        func push(_ ref: String, padding: Int = 0) async throws -> (file: String, signature: String) {
            let text = #"{"ref":"\#(ref)","pad":"\#(String(repeating: "x", count: padding))"}"#
            let file = try scratch.write("push-\(UUID().uuidString)", text)
            let digest = try await shell("openssl", ["dgst", "-sha256", "-hmac", secret, "-r", file])
            return (file, String(digest.prefix { $0 != " " }))
        }
    }

    private final class Elapsed: Sendable {
        private let start = ContinuousClock.now
        private let seconds = Atomic(0)
        var instant: ContinuousClock.Instant { start + .seconds(seconds.load(ordering: .relaxed)) }
        func pass(_ more: Int) { seconds.add(more, ordering: .relaxed) }
    }

    private final class Counter: Sendable {
        private let value = Atomic(0)
        var count: Int { value.load(ordering: .relaxed) }
        func add() { value.add(1, ordering: .relaxed) }
    }

    private let json = ["-H", "Content-Type: application/json"]

    @Test func healthFollowsTheLoop() async throws {
        let fixture = try await Fixture()
        let commit = CommitSummary.sample(1)
        await fixture.health.take(.leading, at: Date())
        await fixture.health.take(.converged(commit: commit.id, deferred: [], milliseconds: 1), at: Date())
        func report(_ isAlive: Bool, _ seconds: Int) -> String {
            #"{"alive":\#(isAlive),"commit":"\#(commit.id)","convergedSecondsAgo":\#(seconds),"repository":"ok","role":"leader"}"#
                + "\n"
        }
        for seconds in [0, 60] {
            fixture.elapsed.pass(seconds)
            let answer = try await fixture.curl("/healthz")
            #expect(answer.status == "200")
            #expect(answer.body == report(true, seconds))
        }
        fixture.elapsed.pass(1)
        let late = try await fixture.curl("/healthz")
        #expect(late.status == "503")
        #expect(late.body == report(false, 61))
        fixture.health.beat()
        #expect(try await fixture.curl("/healthz").body == report(true, 61))
        let server = fixture.server
        await server.stop()
        // Its port is free again.
        #expect(try await shell("curl", ["-s", "-w", "%{http_code}", "http://127.0.0.1:\(server.port)/"]) == "000")
    }

    @Test func webhooksOfThreeForgesWake() async throws {
        let fixture = try await Fixture()
        let (file, signature) = try await fixture.push("refs/heads/main")
        let data = json + ["--data-binary", "@\(file)"]
        let genuine = [
            ["-H", "X-GitHub-Event: push", "-H", "X-Hub-Signature-256: sha256=\(signature)"],
            ["-H", "X-Gitea-Event: push", "-H", "X-Gitea-Signature: \(signature)"],
            ["-H", "X-Gitlab-Event: Push Hook", "-H", "X-Gitlab-Token: \(fixture.secret)"],
        ]
        for headers in genuine { #expect(try await fixture.curl("/webhook", data + headers).status == "202") }
        #expect(fixture.counter.count == 3)
        let other = String(signature.reversed())
        let forged = [
            [], ["-H", "X-GitHub-Event: push", "-H", "X-Hub-Signature-256: sha256=\(other)"],
            ["-H", "X-GitHub-Event: push", "-H", "X-Hub-Signature-256: \(signature)"],
            ["-H", "X-Gitea-Event: push", "-H", "X-Gitea-Signature: \(signature.dropLast())"],
            ["-H", "X-Gitlab-Event: Push Hook", "-H", "X-Gitlab-Token: \(fixture.secret)x"],
            ["-H", "X-Gitlab-Event: Push Hook", "-H", "X-Gitlab-Token;"],
            // A forged signature is not saved by a good one beside it.
            ["-H", "X-Hub-Signature-256: sha256=\(other)", "-H", "X-Gitlab-Token: \(fixture.secret)"],
        ]
        for headers in forged {
            #expect(try await fixture.curl("/webhook", data + headers).status == "401", "\(headers)")
        }
        // Genuine, of another branch or another event.
        let (tag, tagged) = try await fixture.push("refs/tags/main")
        let about = ["-H", "X-Gitea-Event: push", "-H", "X-Gitea-Signature: \(tagged)", "--data-binary", "@\(tag)"]
        #expect(try await fixture.curl("/webhook", json + about).status == "204")
        let ping = ["-H", "X-GitHub-Event: ping", "-H", "X-Hub-Signature-256: sha256=\(signature)"]
        #expect(try await fixture.curl("/webhook", data + ping).status == "204")
        #expect(fixture.counter.count == 3)
    }

    @Test func largeMessages() async throws {
        let fixture = try await Fixture()
        for (padding, status) in [(900_000, "202"), (1 << 20, "413"), (3 << 20, "413")] {
            let (file, signature) = try await fixture.push("refs/heads/main", padding: padding)
            let arguments = [
                "-H", "X-Gitea-Event: push", "-H", "X-Gitea-Signature: \(signature)", "--data-binary", "@\(file)",
            ]
            #expect(try await fixture.curl("/webhook", json + arguments).status == status, "\(padding)")
            #expect(
                try await fixture.curl("/webhook", json + ["-H", "Expect:"] + arguments).status == status, "\(padding)")
        }
        #expect(
            try await fixture.curl("/webhook", json + ["-H", "Transfer-Encoding: chunked", "-d", "x"]).status == "501")
    }

    @Test("hostile web: Host rebinding, a cross-site POST") func strangersAreTurnedAway() async throws {
        let fixture = try await Fixture()
        let (file, signature) = try await fixture.push("refs/heads/main")
        let push =
            json + ["-H", "X-Gitea-Event: push", "-H", "X-Gitea-Signature: \(signature)", "--data-binary", "@\(file)"]
        for host in ["evil.example", "127.0.0.1.evil.example", "localhost@evil.example", "[::1]evil.example"] {
            #expect(try await fixture.curl("/metrics", ["-H", "Host: \(host)"]).status == "421", "\(host)")
        }
        for host in ["localhost", "LOCALHOST:1", "127.0.0.1:80", "[::1]:8080", "watch.example"] {
            #expect(try await fixture.curl("/metrics", ["-H", "Host: \(host)"]).status == "200", "\(host)")
        }
        for header in [
            "Origin: http://evil.example", "Origin: null", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site",
        ] {
            #expect(try await fixture.curl("/webhook", push + ["-H", header]).status == "403", "\(header)")
        }
        #expect(fixture.counter.count == 0)
        #expect(
            try await fixture.curl("/webhook", push + ["-H", "Origin: http://127.0.0.1:\(fixture.server.port)"]).status
                == "202")
        #expect(try await fixture.curl("/webhook").status == "405")
        #expect(try await fixture.curl("/metrics", ["-d", "x"]).status == "405")
        #expect(try await fixture.curl("/webhook", ["-d", "x"]).status == "415")
        #expect(try await fixture.curl("/../etc/passwd", ["--path-as-is"]).status == "404")
        let bare = try await Fixture(hasWebhook: false)
        #expect(try await bare.curl("/webhook", push).status == "404")
        let head = try await fixture.curl("/metrics", ["-I"]).body.lowercased()
        for line in [
            "x-content-type-options: nosniff", "content-security-policy: default-src 'none'", "connection: close",
        ] {
            #expect(head.contains(line))
        }
    }

    /// There is no page: what is answered shows none of what others may have written, and no browser takes it for one.
    @Test("hostile web: a machine or a commit named <script>") func namesAreNotShown() async throws {
        let fixture = try await Fixture()
        let attack = "<script>alert(1)</script>\"}\n# TYPE x counter\u{1b}[31m"
        var commit = CommitSummary.sample(1)
        (commit.subject, commit.author, commit.signer, commit.fleet) = (attack, attack, attack, attack)
        let machine = ResourceID(.virtualMachine, attack)
        for event in [
            .commitArrived(commit), .repositoryFailed(reason: attack), .standingBy(holder: attack),
            .commitHeld(commit, reason: attack), .commitAccepted(commit), .eventsMissed(resources: [machine]),
            .notConverged(commit: commit.id, reasons: [attack], retry: nil), .stopped(reason: attack),
        ] as [WatchEvent] {
            await fixture.metrics.take(event, at: Date())
            await fixture.health.take(event, at: Date())
        }
        for (path, type) in [("/metrics", "text/plain"), ("/healthz", "application/json"), ("/<script>", "text/plain")]
        {
            let answer = try await fixture.curl(path, ["-i", "--globoff"]).body
            #expect(
                !answer.contains("<script>") && !answer.contains("alert") && !answer.contains("\u{1b}"), "\(answer)")
            #expect(answer.contains("Content-Type: \(type)"), "\(answer)")
            #expect(answer.contains("X-Content-Type-Options: nosniff"), "\(answer)")
        }
        // Where such a text is told to programs it arrives as it is, and as nothing else.
        let line = try JSONEncoder().encode(WatchEvent.commitHeld(commit, reason: attack))
        let file = try fixture.scratch.write("event", String(decoding: line, as: UTF8.self))
        #expect(!String(decoding: line, as: UTF8.self).contains("\n"))
        #expect(try await shell("jq", ["-j", ".commitHeld.reason", file]) == attack)
    }

    /// What no HTTP library sends, by bash's own sockets.
    @Test func brokenRequests() async throws {
        let fixture = try await Fixture()
        func raw(_ request: String) async throws -> String {
            let script = #"exec 3<>"/dev/tcp/127.0.0.1/$0"; printf '%b' "$1" >&3; head -n 1 <&3"#
            return try await shell("bash", ["-c", script, "\(fixture.server.port)", request])
        }
        let host = #"Host: localhost\r\n"#
        let cases = [
            (#"GET /metrics HTTP/1.1\r\n\r\n"#, "421"), (#"GET /metrics HTTP/2.0\r\n\#(host)\r\n"#, "505"),
            (#"GET  /metrics HTTP/1.1\r\n\#(host)\r\n"#, "400"),
            (#"GET http://localhost/ HTTP/1.1\r\n\#(host)\r\n"#, "400"),
            (#"GET / HTTP/1.1\r\n\#(host)Host: evil\r\n\r\n"#, "400"),
            (#"GET / HTTP/1.1\r\nHost : localhost\r\n\r\n"#, "400"),
            (#"GET / HTTP/1.1\r\n\#(host) folded\r\n\r\n"#, "400"),
            (#"GET / HTTP/1.1\nHost: localhost\r\n\r\n"#, "400"),
            (#"POST /webhook HTTP/1.1\r\n\#(host)Content-Length: -1\r\n\r\n"#, "400"),
            (#"POST /webhook HTTP/1.1\r\n\#(host)Content-Length: 99999999999999999999\r\n\r\n"#, "413"),
            (#"POST /webhook HTTP/1.1\r\n\#(host)Content-Length: 1\r\nContent-Length: 2\r\n\r\n"#, "400"),
            (#"POST /webhook HTTP/1.1\r\n\#(host)\r\n"#, "411"), (#"GET /\0 HTTP/1.1\r\n\#(host)\r\n"#, "400"),
        ]
        for (request, status) in cases {
            #expect(try await raw(request).hasPrefix("HTTP/1.1 \(status) "), "\(request)")
        }
        let long = String(repeating: "x", count: 20_000)
        #expect(try await raw(#"GET / HTTP/1.1\r\nX: \#(long)\r\n\r\n"#).hasPrefix("HTTP/1.1 431 "))
        let many =
            String(repeating: #"X-A: b\r\nAccept: b\r\n"#, count: 1) + String(repeating: #"Accept: b\r\n"#, count: 99)
        #expect(try await raw(#"GET / HTTP/1.1\r\n\#(many)\r\n"#).hasPrefix("HTTP/1.1 431 "))
    }

    /// Clients that say nothing, or a byte now and then, are cut off, and others are served meanwhile and afterwards.
    @Test("hostile web: slow clients") func slowClientsAreCutOff() async throws {
        let fixture = try await Fixture(patience: .milliseconds(700), clients: 4)
        let port = "\(fixture.server.port)"
        let trickle =
            #"exec 3<>"/dev/tcp/127.0.0.1/$0"; (while printf x >&3; do sleep 0.1; done) 2>/dev/null & cat <&3; kill $!"#
        async let slow = shell("bash", ["-c", trickle, port])
        async let mute = shell("bash", ["-c", #"exec 3<>"/dev/tcp/127.0.0.1/$0"; cat <&3"#, port])
        #expect(try await fixture.curl("/metrics").status == "200")
        #expect(try await slow.hasPrefix("HTTP/1.1 408 "))
        #expect(try await mute == "")
        #expect(try await fixture.curl("/metrics").status == "200")
    }

    /// Clients are accepted in the order in which they came, so the third of two is told that it is one too many.
    @Test func oneTooManyIsTurnedAway() async throws {
        let fixture = try await Fixture(patience: .seconds(60), clients: 2)
        let silent = try (0..<2).map { _ in try connect(fixture.server.port) }
        #expect(try await fixture.curl("/metrics").status == "503")
        for client in silent { close(client) }
        var status = ""
        while status != "200" { status = try await fixture.curl("/metrics").status }
    }

    private func connect(_ port: UInt16) throws -> Int32 {
        let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Foundation.connect(client, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(result == 0)
        return client
    }

    @Test func addressesAndSecretsAreChecked() async throws {
        let fixture = try await Fixture()
        func start(_ configuration: WatchServer.Configuration) async throws {
            _ = try await WatchServer.start(configuration, metrics: fixture.metrics, health: fixture.health)
        }
        let port = fixture.server.port
        await #expect(throws: WatchServerError.inUse(address: "127.0.0.1", port: port)) {
            try await start(.init(port: port))
        }
        await #expect(throws: WatchServerError.notLoopback("0.0.0.0")) {
            try await start(.init(address: "0.0.0.0", port: 0))
        }
        await #expect(throws: WatchServerError.notAnAddress("nowhere")) {
            try await start(.init(address: "nowhere", port: 0))
        }
        try await start(.init(address: "::1", port: 0))
        try await start(.init(address: "0.0.0.0", port: 0, isRemoteAllowed: true))
        let scratch = fixture.scratch
        let link = scratch.path("link")
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: scratch.path("secret"))
        for path in [
            link, scratch.path("none"), scratch.url.path, try scratch.write("open", fixture.secret, mode: 0o644),
            try scratch.write("short", "short"), try scratch.write("empty", "\n"),
            try scratch.write("long", String(repeating: "x", count: 5000)),
        ] {
            #expect(throws: SecretFileError.self) { try Webhook(secretFile: path, branch: "main") {} }
        }
    }
}
