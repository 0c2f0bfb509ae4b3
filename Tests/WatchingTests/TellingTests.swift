import Foundation
import Model
import Subprocess
import SystemPackage
import Testing

@testable import Watching

/// A receiver that we did not write: Python's own HTTP server, which records what arrives. It answers with the statuses
/// it is given, then 201 for ever, and with a body that no terminal should see.
private struct Receiver {
    struct Request: Decodable {
        var path: String
        var headers: [String: String]
        var body: [String: Field]
    }

    /// What a message's field holds.
    enum Field: Decodable, Hashable {
        case string(String)
        case array([String])

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let text = try? container.decode(String.self) {
                self = .string(text)
            } else {
                self = .array(try container.decode([String].self))
            }
        }
    }

    let scratch: Scratch
    let port: Int

    private static let program = """
        import http.server, json, sys
        answers = [int(code) for code in sys.argv[2:]]
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers['Content-Length']))
                with open(sys.argv[1] + '/log', 'a') as log:
                    headers = {name.lower(): value for name, value in self.headers.items()}
                    log.write(json.dumps({'path': self.path, 'headers': headers, 'body': json.loads(body)}) + '\\n')
                code = answers.pop(0) if answers else 201
                self.send_response(code)
                if code == 302: self.send_header('Location', '/elsewhere')
                self.end_headers()
                self.wfile.write(b'\\x1b[31mcanary-answer')
            def log_message(self, *arguments): pass
        server = http.server.HTTPServer(('127.0.0.1', 0), Handler)
        open(sys.argv[1] + '/port.new', 'w').write(str(server.server_port))
        import os; os.rename(sys.argv[1] + '/port.new', sys.argv[1] + '/port')
        server.serve_forever()
        """

    /// Runs the body while the receiver serves.
    static func serve(answers: [Int] = [], _ body: @Sendable @escaping (Receiver) async throws -> Void) async throws {
        let scratch = try Scratch()
        let arguments = ["-c", program, scratch.url.path] + answers.map(String.init)
        _ = try await run(
            .name("python3"), arguments: Arguments(arguments), input: .none, output: .discarded,
            error: .discarded
        ) { execution in
            while !FileManager.default.fileExists(atPath: scratch.path("port")) {
                try await Task.sleep(for: .milliseconds(20))
            }
            let port = Int(try String(contentsOfFile: scratch.path("port"), encoding: .utf8)) ?? 0
            let result: Result<Void, any Error>
            do { result = .success(try await body(Receiver(scratch: scratch, port: port))) } catch {
                result = .failure(error)
            }
            try execution.send(signal: .kill)
            try result.get()
        }
    }

    func address(_ path: String = "") throws -> WebAddress { try WebAddress("http://127.0.0.1:\(port)\(path)") }

    var requests: [Request] {
        get throws {
            let text = (try? String(contentsOfFile: scratch.path("log"), encoding: .utf8)) ?? ""
            return try text.split(separator: "\n").map { try JSONDecoder().decode(Request.self, from: Data($0.utf8)) }
        }
    }
}

@Suite(.timeLimit(.minutes(2))) struct TellingTests {
    private let time = Date(timeIntervalSince1970: 1_800_000_000)
    private let short: [Duration] = [.milliseconds(10), .milliseconds(10), .milliseconds(10)]

    @Test func outcomesAreTold() async throws {
        try await Receiver.serve { [time, short] receiver in
            let notifications = Notifications(fleet: "office", address: try receiver.address("/hook"), pauses: short)
            var commit = CommitSummary.sample(1)
            commit.subject = "say \"no\"\\n \u{1b}[31m @/etc/passwd"
            let end = WatchEvent.converged(commit: commit.id, deferred: [], milliseconds: 1)
            for event in try events(of: commit, end: end) + [end, end] { await notifications.take(event, at: time) }
            await notifications.take(.commitHeld(.sample(2), reason: "older\nthan that"), at: time)
            await notifications.take(.notConverged(commit: commit.id, reasons: ["no space"], retry: nil), at: time)
            await notifications.finish(within: .seconds(30))
            let requests = try receiver.requests
            #expect(
                requests.map { $0.body["event"] } == [.string("converged"), .string("held"), .string("not-converged")])
            #expect(requests.first?.path == "/hook")
            #expect(requests.first?.body["subject"] == .string(commit.subject))
            #expect(requests.first?.body["time"] == .string("2027-01-15T08:00:00Z"))
            #expect(requests.dropFirst().first?.body["reasons"] == .array(["older\nthan that"]))
        }
    }

    @Test func failuresAreTriedAgainAndRefusalsAreNot() async throws {
        try await Receiver.serve(answers: [503, 500, 201, 302, 404]) { [time, short] receiver in
            let notifications = Notifications(fleet: "office", address: try receiver.address(), pauses: short)
            for number in 1...4 { await notifications.take(.commitHeld(.sample(number), reason: "r"), at: time) }
            await notifications.finish(within: .seconds(30))
            let commits = try receiver.requests.map { $0.body["commit"] }
            // Three tries, then a redirection that is not followed, a refusal, and one that arrives.
            #expect(commits == [1, 1, 1, 2, 3, 4].map { .string(CommitSummary.sample($0).id) })
        }
    }

    @Test func nobodyThereHoldsNobodyUp() async throws {
        let scratch = try Scratch()
        // A port that was just given back.
        let address = try WebAddress("http://127.0.0.1:1/")
        let notifications = Notifications(fleet: "office", address: address, pauses: [.seconds(3600)])
        for number in 1...1000 { await notifications.take(.commitHeld(.sample(number), reason: "r"), at: time) }
        await notifications.finish(within: .milliseconds(200))
        withExtendedLifetime(scratch) {}
    }

    @Test(arguments: CommitStatus.Forge.allCases) func forgesAreTold(_ forge: CommitStatus.Forge) async throws {
        try await Receiver.serve { [time, short] receiver in
            let token = try receiver.scratch.write("token", "canary-token\n")
            let status = try CommitStatus(
                forge: forge, base: try receiver.address("/api"), project: "ops/fleet", tokenFile: token, pauses: short)
            let commit = CommitSummary.sample(7)
            let end = WatchEvent.converged(commit: commit.id, deferred: [], milliseconds: 1)
            for event in try events(of: commit, end: end) { await status.take(event, at: time) }
            let reason = Diagnostic(code: "x", String(repeating: "long ", count: 50))
            await status.take(.commitRefused(.sample(8), reasons: [reason, reason]), at: time)
            await status.finish(within: .seconds(30))
            let requests = try receiver.requests
            let failure = forge == .gitlab ? "failed" : "failure"
            #expect(
                requests.map { $0.body["state"] }
                    == ["pending", "pending", "success", failure].map { .string($0) })
            let first = try #require(requests.first)
            switch forge {
            case .github:
                #expect(first.path == "/api/repos/ops/fleet/statuses/\(commit.id)")
                #expect(first.headers["authorization"] == "Bearer canary-token")
            case .gitea:
                #expect(first.path == "/api/repos/ops/fleet/statuses/\(commit.id)")
                #expect(first.headers["authorization"] == "token canary-token")
            case .gitlab:
                #expect(first.path == "/api/projects/ops%2Ffleet/statuses/\(commit.id)")
                #expect(first.headers["private-token"] == "canary-token")
            }
            #expect(first.body[forge == .gitlab ? "name" : "context"] == .string("infra"))
            guard case .string(let text) = requests.last?.body["description"] else {
                Issue.record("no description")
                return
            }
            #expect(text.count == 140 && text.hasPrefix("Refused: "))
        }
    }

    @Test func addressesAreChecked() throws {
        for text in [
            "http://example.org/", "ftp://localhost/", "https://user:pass@example.org/", "https://",
            "file:///etc/passwd",
            "https://a b/", "https://example.org/\"\nurl = x", "http://localhost.evil.example/", "-K/etc/passwd",
        ] {
            #expect(throws: WebAddressError.self, "\(text)") { try WebAddress(text) }
        }
        for text in ["https://example.org/hook?x=1", "http://localhost:8080/", "http://[::1]:80/x"] {
            _ = try WebAddress(text)
        }
    }
}
