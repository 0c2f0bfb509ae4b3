import Foundation
import Model
import TestSupport

/// A fleet whose manifests are a git work tree, with the bare repository that they are pushed to.
struct WatchedFleet: Sendable {
    let fleet: TestFleet
    var repository: String { fleet.home + "/fleet.git" }
    var socket: String { fleet.home + "/watch.sock" }
    var trust: String { fleet.home + "/trust.yaml" }

    /// Makes the repository, and the manifests' folder its clone.
    init(_ fleet: TestFleet) async throws {
        self.fleet = fleet
        try await sh(
            #"""
            git init -q --bare -b main "$1/fleet.git"
            git -C "$1/manifests" init -q -b main
            git -C "$1/manifests" remote add origin "$1/fleet.git"
            for name in alice mallory; do ssh-keygen -q -t ed25519 -N '' -C "$name" -f "$1/$name"; done
            """#, fleet.home)
    }

    /// Lets the repository judge pushes and answer them.
    func installHook() async throws {
        let ended = try await Program.run(Program.infra, ["hook", "install", repository, "--socket", socket])
        guard ended.status == 0 else { throw Failure("\(ended)") }
    }

    /// Trusts alice's signatures.
    func writeTrust(_ limits: String = "") throws {
        let key = try String(contentsOfFile: fleet.home + "/alice.pub", encoding: .utf8)
            .trimmingCharacters(in: .newlines)
        let text = """
            apiVersion: infra/v1
            kind: Trust
            spec:
              signers:
                - {name: alice, ssh: "\(key)"}
            \(limits)
            """
        try Data(text.utf8).write(to: URL(filePath: trust))
    }

    /// Runs git in the work tree.
    @discardableResult func git(_ words: String...) async throws -> Ended {
        try await Program.run("git", ["-C", fleet.manifests] + identity + words, seconds: 240)
    }

    private var identity: [String] {
        [
            "-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "gpg.format=ssh", "-c",
            "advice.detachedHead=false",
        ]
    }

    /// Commits all that is there; returns the commit's id.
    @discardableResult
    func commit(_ message: String, signedBy signer: String? = nil) async throws -> String {
        try await git("add", "-A")
        var words = ["commit", "-q", "--allow-empty", "-m", message]
        if let signer { words += ["-S\(fleet.home)/\(signer)"] }
        let ended = try await Program.run("git", ["-C", fleet.manifests] + identity + words)
        guard ended.status == 0 else { throw Failure("\(ended)") }
        return try await head()
    }

    func head() async throws -> String { try await sh(#"git -C "$1" rev-parse HEAD"#, fleet.manifests) }

    /// Pushes the work tree's commit to the branch, by force if need be.
    @discardableResult func push(force: Bool = false) async throws -> Ended {
        try await git("push", "-q", "origin", force ? "+HEAD:main" : "HEAD:main")
    }

    /// Runs the body while a watcher works; it is asked to end afterwards, and has to end well. It is killed after that
    /// many seconds.
    @discardableResult func watching<Value>(
        _ options: String..., state: String = "state", socket: String? = nil, seconds: Int = 600,
        _ body: (RunningWatcher) async throws -> Value
    ) async throws -> Value {
        try await watching(
            location: repository, options: options, state: state, socket: socket, seconds: seconds, body)
    }

    /// The same of a location, which may be the repository behind a server.
    @discardableResult func watching<Value>(
        location: String, options: [String], state: String = "state", socket: String? = nil, seconds: Int = 600,
        _ body: (RunningWatcher) async throws -> Value
    ) async throws -> Value {
        let arguments =
            [
                "watch", location, "--files", fleet.files, "--state", "\(fleet.home)/\(state)", "--socket",
                socket ?? self.socket, "--interval", "500ms", "--resync", "1h", "--format", "json",
            ] + options
        let watcher = RunningWatcher()
        let running = Task {
            let ended = try await Program.watch(arguments, seconds: seconds) { line, process in
                await watcher.take(line, process)
            }
            await watcher.end(ended)
            return ended
        }
        do {
            try await watcher.started()
            let value = try await body(watcher)
            await watcher.send(SIGTERM)
            let ended = try await running.value
            guard ended.status == 0 || ended.status == 128 + 9 else { throw Failure("\(ended)") }
            return value
        } catch {
            await watcher.send(SIGKILL)
            let ended = try? await running.value
            throw Failure("\(error)\n\(ended.map { "\($0)" } ?? "")")
        }
    }
}

/// `infra watch --format json` at work: what it told, and a way to wait for more.
actor RunningWatcher {
    /// An event as it was written.
    struct Event: Sendable, CustomStringConvertible {
        /// `converged`, `commitRefused` …
        let name: String
        /// The commit that it is about.
        let commit: String?
        let description: String
    }

    private(set) var events: [Event] = []
    private var process: Program.Process?
    /// How it ended, with all that it wrote.
    private(set) var ended: Ended?
    private var waiters: [CheckedContinuation<Void, Never>] = []
    /// The events that a test has waited for already.
    private var seen = 0

    func take(_ line: String, _ process: Program.Process) {
        self.process = process
        if let event = Self.event(line) { events.append(event) }
        wake()
    }

    func end(_ ended: Ended) {
        self.ended = ended
        wake()
    }

    func send(_ signal: Int32) { process?.send(signal) }

    var id: pid_t { process?.id ?? 0 }

    func started() async throws { try await next("started") }

    /// Waits until it has ended.
    func untilEnded() async -> Ended? {
        while ended == nil { await withCheckedContinuation { waiters.append($0) } }
        return ended
    }

    /// Its resident memory in KiB, and how many files it has open, the least of many looks: while it looks at the branch it
    /// has more.
    func size() async throws -> (memory: Int, descriptors: Int) {
        let status = try String(contentsOfFile: "/proc/\(id)/status", encoding: .utf8)
        let memory = status.firstMatch(of: /VmRSS:\s+([0-9]+)/).flatMap { Int($0.output.1) }
        guard let memory else { throw Failure("process \(id) says nothing of its memory") }
        var descriptors = Int.max
        for _ in 0..<100 {
            descriptors = min(descriptors, try FileManager.default.contentsOfDirectory(atPath: "/proc/\(id)/fd").count)
            try await Task.sleep(for: .milliseconds(20))
        }
        return (memory, descriptors)
    }

    /// Waits for the next event of one of these names, about a commit and with a text if they are given.
    @discardableResult
    func next(
        _ names: String..., of commit: String? = nil, containing text: String = "", seconds: Int = 120
    ) async throws -> Event {
        let timer = Task {
            try await Task.sleep(for: .seconds(seconds))
            timeOut()
        }
        defer { timer.cancel() }
        isLate = false
        while true {
            while seen < events.count {
                let event = events[seen]
                seen += 1
                if names.contains(event.name), commit == nil || event.commit == commit,
                    text.isEmpty || event.description.contains(text)
                {
                    return event
                }
            }
            guard ended == nil, !isLate else {
                throw Failure("no \(names) of \(commit ?? "any commit") came; the last were \(events.suffix(8))")
            }
            await withCheckedContinuation { waiters.append($0) }
        }
    }

    private var isLate = false

    private func timeOut() {
        isLate = true
        wake()
    }

    private func wake() {
        for waiter in waiters { waiter.resume() }
        waiters = []
    }

    private static func event(_ line: String) -> Event? {
        guard let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any],
            let event = object["event"] as? [String: Any], let name = event.keys.first
        else { return nil }
        let values = event[name] as? [String: Any] ?? [:]
        let commit = values["commit"] as? String ?? (values["_0"] as? [String: Any])?["id"] as? String
        return Event(name: name, commit: commit, description: line)
    }
}

/// Runs the body with a fleet in git, and leaves nothing.
func withWatched(_ name: String, _ body: (WatchedFleet) async throws -> Void) async throws {
    try await withFleet(name) { try await body(try await WatchedFleet($0)) }
}

extension TestFleet {
    /// Says what unattended runs may do.
    func writePolicy(_ policy: String) throws {
        try edit(
            "fleet.yaml", "metadata: {name: \(name), id: \(id.lowercased)}\n",
            "metadata: {name: \(name), id: \(id.lowercased)}\nspec: {policy: {\(policy)}}\n")
    }

    /// A machine that stays off: quick to make.
    func writeQuiet(_ name: String, address: Int, _ rest: String = "") throws {
        try writeMachine(name, address: address, "power: stopped\n" + rest)
    }
}
