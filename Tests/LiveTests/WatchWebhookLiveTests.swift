import Foundation
import TestSupport
import Testing

extension LiveTests {
    /// The branch is looked at once an hour: only a webhook wakes the watcher before.
    @Suite struct WatchWebhookLiveTests {
        private let secret = "canary-webhook-secret-\(UUID().uuidString)"

        @Test func onlyASignedWebhookWakes() async throws {
            try await withWatched("hooked") { watched in
                let fleet = watched.fleet
                try fleet.writeBase(vni: 7835)
                let first = try await watched.commit("The first")
                try await watched.push()
                let port = try TestServer.freePort()
                try GitServers.write(secret + "\n", "\(fleet.home)/secret", 0o600)
                let options = [
                    "--interval", "1h", "--listen", "127.0.0.1:\(port)", "--webhook-secret", "\(fleet.home)/secret",
                ]
                let watcher = try await watched.watching(location: watched.repository, options: options) { watcher in
                    try await watcher.next("converged", of: first)
                    for (number, forge) in ["github", "gitea", "gitlab"].enumerated() {
                        try fleet.writeQuiet("m\(number)", address: 11 + number)
                        let commit = try await watched.commit("For \(forge)")
                        try await watched.push()
                        let body = #"{"ref":"refs/heads/main","after":"\#(commit)"}"#
                        let other = "another secret than the watcher's"
                        #expect(try await send(body, try await headers(forge, body, other), port) == "401")
                        #expect(try await send(body, [], port) == "401")
                        let signed = try await headers(forge, body, secret)
                        #expect(try await send(body, signed + ["Origin: https://evil.example"], port) == "403")
                        // Signed, and for another text.
                        if forge != "gitlab" { #expect(try await send(body + " ", signed, port) == "401") }
                        #expect(try await send(body, signed, port) == "202")
                        try await watcher.next("converged", of: commit)
                    }
                    // One look at the beginning, and one for each that was signed.
                    let metrics = try await sh(#"curl -s "http://127.0.0.1:$1/metrics""#, "\(port)")
                    #expect(metrics.contains("infra_git_polls_total{result=\"ok\"} 4\n"), "\(metrics)")
                    #expect(metrics.contains("infra_webhooks_total{result=\"woke\"} 3\n"), "\(metrics)")
                    #expect(metrics.contains("infra_webhooks_total{result=\"forged\"} 8\n"), "\(metrics)")
                    return watcher
                }
                let ended = try #require(await watcher.ended)
                #expect(ended.error.contains("a webhook is refused: it is not signed by who knows the secret"))
                #expect(!(ended.error + ended.output).contains(secret))
            }
        }

        private func headers(_ forge: String, _ body: String, _ secret: String) async throws -> [String] {
            let digest = try await sh(
                #"printf %s "$1" | openssl dgst -sha256 -hmac "$2" -r | cut -d' ' -f1"#, body, secret)
            return switch forge {
            case "github": ["X-GitHub-Event: push", "X-Hub-Signature-256: sha256=\(digest)"]
            case "gitea": ["X-Gitea-Event: push", "X-Gitea-Signature: \(digest)"]
            default: ["X-Gitlab-Event: Push Hook", "X-Gitlab-Token: \(secret)"]
            }
        }

        /// The status that a message is answered with.
        private func send(_ body: String, _ headers: [String], _ port: Int) async throws -> String {
            let fields = (headers + ["Content-Type: application/json"]).flatMap { ["-H", $0] }
            let ended = try await Program.run(
                "curl",
                ["-s", "-o", "/dev/null", "-w", "%{http_code}", "--data-binary", body] + fields
                    + ["http://127.0.0.1:\(port)/webhook"])
            return ended.output
        }
    }
}
