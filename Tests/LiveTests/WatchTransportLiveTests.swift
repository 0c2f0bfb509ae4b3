import Foundation
import TestSupport
import Testing

extension LiveTests {
    /// A watcher follows a repository behind a server that fails in every way there is: what was in force stays in force,
    /// the watcher says what is wrong, and goes on by itself when the server is well again.
    @Suite struct WatchTransportLiveTests {
        @Test func overSSH() async throws {
            try await withWatched("by-ssh") { watched in
                let home = watched.fleet.home
                try await TestServer.run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", "\(home)/client"])
                let key = try String(contentsOfFile: "\(home)/client.pub", encoding: .utf8)
                let first = try await GitSSHServer(root: home, authorized: key)
                let gate = try await TestGate(to: first.port, folder: home)
                try GitServers.write(first.line("[127.0.0.1]:\(gate.port)") + "\n", "\(home)/known", 0o644)
                let secret = try String(contentsOfFile: "\(home)/client", encoding: .utf8)
                    .split(separator: "\n").dropFirst(2).first.map(String.init)
                var ordeal = Ordeal(watched: watched, gate: gate, secret: try #require(secret), vni: 7833)
                try await ordeal.run(
                    "ssh://root@127.0.0.1:\(gate.port)\(watched.repository)",
                    ["--identity", "\(home)/client", "--known-hosts", "\(home)/known"]
                ) { ordeal, watcher in
                    // Somebody else answers there.
                    await first.end()
                    let other = try await GitSSHServer(
                        root: home, authorized: key, host: "other-host", port: first.port)
                    let commit = try await ordeal.push("A machine more")
                    let failed = try await watcher.next("repositoryFailed", containing: "has changed: known is SHA256:")
                    #expect(failed.description.contains("ask the host's operator"), "\(failed)")
                    await other.end()
                    let again = try await GitSSHServer(root: home, authorized: key, port: first.port)
                    try await watcher.next("repositoryRecovered")
                    try await watcher.next("converged", of: commit)
                    await again.end()
                }
            }
        }

        @Test func overHTTPS() async throws {
            try await withWatched("by-https") { watched in
                let home = watched.fleet.home
                let web = try await GitWebServer(root: home, projects: home)
                let gate = try await TestGate(to: web.port, folder: home)
                var ordeal = Ordeal(watched: watched, gate: gate, secret: web.token, vni: 7834)
                try await ordeal.run(
                    "https://localhost:\(gate.port)/fleet.git",
                    ["--token-file", web.tokenFile, "--ca-file", web.authority]
                ) { ordeal, watcher in
                    for (mode, words) in [("damaged", "repository"), ("redirect", "sends us")] {
                        try web.mode(mode)
                        let commit = try await ordeal.push("While it is \(mode)")
                        try await watcher.next("repositoryFailed", containing: words)
                        try web.mode("fine")
                        try await watcher.next("repositoryRecovered")
                        try await watcher.next("converged", of: commit)
                    }
                    let requests = web.accessLog.split(separator: "\n")
                    // Whoever it was sent to was shown no credential, if he was asked at all.
                    #expect(requests.contains { $0.contains("Basic ") && $0.hasPrefix("\(web.port) ") })
                    #expect(!requests.contains { $0.contains("Basic ") && !$0.hasPrefix("\(web.port) ") })
                }
                #expect(web.accessLog.contains(" 302 "))
            }
        }
    }
}

/// A watcher and what it goes through.
private struct Ordeal {
    let watched: WatchedFleet
    let gate: TestGate
    let secret: String
    let vni: Int
    private var machines = 0
    private var shown: [String] = []

    init(watched: WatchedFleet, gate: TestGate, secret: String, vni: Int) {
        (self.watched, self.gate, self.secret, self.vni) = (watched, gate, secret, vni)
    }

    /// - Parameter more: What only this way of reaching the repository goes through.
    mutating func run(
        _ location: String, _ options: [String],
        _ more: (inout Ordeal, RunningWatcher) async throws -> Void
    ) async throws {
        try watched.fleet.writeBase(vni: vni)
        let first = try await push("The first")
        let port = try TestServer.freePort()
        let options =
            options + ["--git-timeout", "4s", "--listen", "127.0.0.1:\(port)"]
        let watcher = try await watched.watching(location: location, options: options) { watcher in
            try await watcher.next("converged", of: first)
            #expect(try await health(port).contains(#""repository":"ok""#))
            for mode in ["trickle 60000", "cut 60000"] {
                try gate.mode(mode)
                let commit = try await push("While the server does \(mode)")
                let failed = try await watcher.next("repositoryFailed")
                if mode.hasPrefix("trickle") { #expect(failed.description.contains("longer than 4 s"), "\(failed)") }
                let health = try await health(port)
                #expect(health.contains(#""alive":true"#) && health.contains(#""repository":"failing""#), "\(health)")
                try await look()
                try gate.mode("fine")
                try await watcher.next("repositoryRecovered")
                try await watcher.next("converged", of: commit)
            }
            try await truncate(watcher)
            try await more(&self, watcher)
            #expect(try await Virsh.all().count == machines)
            return watcher
        }
        try await nothingShowsTheSecret(watcher)
    }

    /// A commit that adds a machine, with enough beside it that the server's answer has a middle.
    mutating func push(_ message: String) async throws -> String {
        machines += 1
        try watched.fleet.writeQuiet("m\(machines)", address: 10 + machines)
        let random = Data((0..<200_000).map { _ in UInt8.random(in: 0...255) })
        try random.write(to: URL(filePath: watched.fleet.manifests + "/photo.bin"))
        let commit = try await watched.commit(message)
        try await watched.push()
        return commit
    }

    /// An object of the server's is cut off.
    private mutating func truncate(_ watcher: RunningWatcher) async throws {
        try gate.mode("cut 0")
        try await watcher.next("repositoryFailed")
        let commit = try await push("With an object that is cut off")
        let folder = watched.repository + "/objects"
        let blob = try await sh(#"git -C "$1" rev-parse "$2:m$3.yaml""#, watched.repository, commit, "\(machines)")
        let file = "\(folder)/\(blob.prefix(2))/\(blob.dropFirst(2))"
        let whole = try Data(contentsOf: URL(filePath: file))
        #expect(chmod(file, 0o644) == 0)
        #expect(Foundation.truncate(file, 60) == 0)
        try gate.mode("fine")
        // The connection goes through now, and what comes of it is another failure.
        try await watcher.next("repositoryFailed", "commitRefused")
        #expect(try await Virsh.all().count == machines - 1)
        try whole.write(to: URL(filePath: file))
        try await watcher.next("repositoryRecovered")
        try await watcher.next("converged", of: commit)
    }

    private func health(_ port: Int) async throws -> String {
        try await sh(#"curl -s "http://127.0.0.1:$1/healthz""#, "\(port)")
    }

    /// Looks at what processes show while a worker talks to the server.
    private mutating func look() async throws {
        for process in try FileManager.default.contentsOfDirectory(atPath: "/proc") where Int(process) != nil {
            for file in ["cmdline", "environ"] {
                guard let data = FileManager.default.contents(atPath: "/proc/\(process)/\(file)") else { continue }
                shown.append(String(decoding: data, as: UTF8.self))
            }
        }
    }

    private func nothingShowsTheSecret(_ watcher: RunningWatcher) async throws {
        let ended = try #require(await watcher.ended)
        let words = [secret, Data("git:\(secret)".utf8).base64EncodedString()]
        let texts = [ended.output, ended.error] + shown
        #expect(ended.output.contains("repositoryFailed") && shown.contains { $0.contains("infra\0watch") })
        for word in words { #expect(!texts.contains { $0.contains(word) }) }
        for folder in [watched.fleet.home + "/state", watched.repository] {
            for name in try FileManager.default.subpathsOfDirectory(atPath: folder) {
                guard let data = FileManager.default.contents(atPath: "\(folder)/\(name)") else { continue }
                for word in words { #expect(data.range(of: Data(word.utf8)) == nil, "\(name)") }
            }
        }
    }
}
