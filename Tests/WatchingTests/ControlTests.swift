import Foundation
import GitRepository
import Model
import Synchronization
import Testing

@testable import Watching

/// The watcher's socket, whose clients are Python's sockets.
@Suite(.timeLimit(.minutes(2))) struct ControlTests {
    /// A watcher that answers and does nothing else.
    private final class Fixture: Sendable {
        let scratch: Scratch
        let watcher: Watcher
        let path: String
        private let task: Task<Void, Never>

        init(_ limits: ControlLimits = ControlLimits(), group: gid_t? = nil, mode: Int = 0o700) async throws {
            scratch = try Scratch()
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: scratch.url.path)
            path = scratch.path("watch.sock")
            watcher = try ControlTests.watcher(scratch)
            let server = try await ControlServer(path: path, group: group, watcher: watcher, limits: limits)
            task = Task { await server.run() }
        }

        func stop() async {
            task.cancel()
            await task.value
        }
    }

    private static func watcher(_ scratch: Scratch) throws -> Watcher {
        let repository = GitRepository(existing: scratch.path("none.git"), program: "/nothing", environment: [:])
        let trust = Trust.everybody
        let reader = CommitReader(repository: repository, path: "", trust: trust, images: nil)
        return Watcher(reader: reader, settings: WatchSettings(), events: EventBroadcast([]))
    }

    private static let commit = String(repeating: "a", count: 40)
    private static let follow = #"{"follow":{"commit":"\#(commit)"}}"#
    private static let reconcile = #"{"reconcile":{}}"#

    /// Connects, says something, and shows what it is answered until the end.
    private static let client = """
        import socket, sys
        line = socket.socket(socket.AF_UNIX)
        try:
            line.connect(sys.argv[1])
            line.sendall(sys.argv[2].encode())
            while data := line.recv(65536): sys.stdout.write(data.decode())
        except OSError as error: print(error.strerror)
        """

    private func ask(_ path: String, _ text: String, as user: [String] = []) async throws -> String {
        let words = user + ["/usr/bin/python3", "-c", Self.client, path, text]
        return try await shell("env", words)
    }

    private func refusal(_ path: String, group: gid_t? = nil) async throws -> String {
        do {
            _ = try await ControlServer(path: path, group: group, watcher: try Self.watcher(try Scratch()))
            return "none"
        } catch {
            return "\(error)"
        }
    }

    @Test func theLockSaysWhoLives() async throws {
        let fixture = try await Fixture()
        let status = try FileManager.default.attributesOfItem(atPath: fixture.path)
        #expect(status[.posixPermissions] as? Int == 0o600)
        #expect(status[.type] as? FileAttributeType == .typeSocket)
        #expect(try await refusal(fixture.path).contains("another watcher answers at"))
        #expect(try await ask(fixture.path, Self.reconcile + "\n").contains("no commit could be read yet"))
        await fixture.stop()
        #expect(!FileManager.default.fileExists(atPath: fixture.path))

        // One that was killed leaves its socket, and nobody waits for it.
        let bind = "import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])"
        try await shell("python3", ["-c", bind, fixture.path])
        // One that hangs accepts nobody, and is alive all the same.
        let hanging = try await ControlServer(path: fixture.path, group: nil, watcher: fixture.watcher)
        #expect(try await refusal(fixture.path).contains("another watcher answers at"))
        let task = Task { await hanging.run() }
        #expect(try await ask(fixture.path, Self.reconcile + "\n").contains("no commit could be read yet"))
        task.cancel()
        await task.value

        _ = try fixture.scratch.write("watch.sock", "somebody's file")
        #expect(try await refusal(fixture.path).contains("is there and is no socket"))
        #expect(try String(contentsOfFile: fixture.path, encoding: .utf8) == "somebody's file")
    }

    @Test(.enabled(if: geteuid() == 0, "only root becomes somebody else")) func onlyTheGroupMayAsk() async throws {
        let fixture = try await Fixture(group: 54321, mode: 0o755)
        let status = try FileManager.default.attributesOfItem(atPath: fixture.path)
        #expect(status[.posixPermissions] as? Int == 0o660)
        func answer(_ group: String) async throws -> String {
            let user = ["setpriv", "--reuid=nobody", "--regid=\(group)", "--clear-groups"]
            return try await ask(fixture.path, Self.reconcile + "\n", as: user)
        }
        let said = try await answer("54321")
        #expect(said.contains("no commit could be read yet"), "\(said)")
        #expect(try await answer("nogroup") == "Permission denied\n")
        await fixture.stop()
        for (mode, text) in [
            (0o700, "members of the group cannot enter"), (0o750, "members of the group cannot enter"),
            (0o777, "others may put files into"), (0o775, "others may put files into"),
        ] {
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: fixture.scratch.url.path)
            #expect(try await refusal(fixture.path, group: 54321).contains(text))
        }
    }

    /// Clients that say nothing, or half a request, are ended, and others are served meanwhile and afterwards.
    @Test func slowAskersAreEnded() async throws {
        let fixture = try await Fixture(
            ControlLimits(clients: 4, patience: .milliseconds(500), longPatience: .milliseconds(700)))
        let half = #"{"preview":"# + String(repeating: "x", count: 100_000)
        async let mute = ask(fixture.path, "")
        async let short = ask(fixture.path, #"{"follow":"#)
        async let long = ask(fixture.path, half)
        #expect(try await ask(fixture.path, Self.reconcile + "\n").contains("no commit could be read yet"))
        for answer in try await [mute, short, long] {
            #expect(answer == "" || answer == "Connection reset by peer\n" || answer == "Broken pipe\n")
        }
        #expect(try await ask(fixture.path, "nonsense\n").contains("this is no request that the watcher knows"))
        #expect(try await ask(fixture.path, Self.reconcile + "\n").contains("no commit could be read yet"))
        await fixture.stop()
    }

    @Test func oneTooManyIsSentAway() async throws {
        let fixture = try await Fixture(ControlLimits(clients: 2, patience: .seconds(60)))
        let lines = [try await LineSocket.connect(fixture.path), try await LineSocket.connect(fixture.path)]
        // Clients are accepted in the order in which they came.
        #expect(try await ask(fixture.path, Self.reconcile + "\n").contains("too many ask at once"))
        let request = ControlRequest.suspend(ResourceID(.virtualMachine, "a"), true)
        guard case .failed(let reason) = try await ControlClient(path: fixture.path).ask(request) else {
            Issue.record("one too many was served")
            return
        }
        #expect(reason.contains("too many ask at once"))
        for line in lines { await line.close() }
        var answer = ""
        while !answer.contains("no commit") { answer = try await ask(fixture.path, Self.reconcile + "\n") }
        await fixture.stop()
    }

    /// Who follows and does not read is ended; the watcher and the others do not wait.
    @Test func slowReadersAreEnded() async throws {
        let fixture = try await Fixture(ControlLimits(longPatience: .milliseconds(500)))
        let deaf = try await LineSocket.connect(fixture.path)
        try await deaf.write(ControlRequest.follow(commit: Self.commit))
        let text = String(repeating: "x", count: 100_000)
        // Until the server listens to events for it, and then until its buffers are full.
        for _ in 0..<200 {
            fixture.watcher.events.tell(.repositoryFailed(reason: text))
            try await Task.sleep(for: .milliseconds(10))
        }
        let other = try await LineSocket.connect(fixture.path)
        try await other.write(ControlRequest.reconcile(acknowledge: nil))
        guard case .failed = try await other.read(ControlReply.self) else {
            Issue.record("nobody else is served")
            return
        }
        var count = 0
        while let reply = try? await deaf.read(ControlReply.self) {
            guard case .event = reply else { break }
            count += 1
        }
        #expect((1..<200).contains(count), "\(count)")
        await deaf.close()
        await other.close()
        await fixture.stop()
    }

    /// Who goes away while nothing happens takes up no place.
    @Test func whoIsGoneTakesUpNoPlace() async throws {
        let fixture = try await Fixture(ControlLimits(clients: 1))
        for _ in 0..<3 {
            let line = try await LineSocket.connect(fixture.path)
            try await line.write(ControlRequest.follow(commit: Self.commit))
            fixture.watcher.events.tell(.leading)
            await line.close()
            var answer = ""
            while !answer.contains("no commit") { answer = try await ask(fixture.path, Self.reconcile + "\n") }
        }
        await fixture.stop()
    }

    @Test func whatIsLostIsTold() async throws {
        let stream = EventStream(limit: 3) {}
        func told(_ number: Int) -> EventBroadcast.TimedEvent {
            EventBroadcast.TimedEvent(time: .now, event: .stopped(reason: "\(number)"))
        }
        var iterator = stream.makeAsyncIterator()
        func next() async -> String {
            switch await iterator.next()?.event {
            case .stopped(let reason): reason
            case .untold(let count): "untold \(count)"
            default: "end"
            }
        }
        for number in 1...5 { stream.yield(told(number)) }
        var words: [String] = []
        for _ in 0..<3 { words.append(await next()) }
        for number in 6...8 { stream.yield(told(number)) }
        stream.finish()
        for _ in 0..<5 { words.append(await next()) }
        #expect(words == ["untold 2", "3", "4", "untold 1", "6", "7", "8", "end"])
    }

    private actor Crowd {
        private var now = 0
        private(set) var most = 0

        func enter() {
            now += 1
            most = max(most, now)
        }
        func leave() { now -= 1 }
    }

    @Test func previewsTakeTurns() async {
        let turn = ControlTurn()
        let crowd = Crowd()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<20 {
                group.addTask {
                    await turn.take {
                        await crowd.enter()
                        await Task.yield()
                        await crowd.leave()
                    }
                }
            }
        }
        #expect(await crowd.most == 1)
    }

    @Test func previewsLookAtWhatIsTrusted() {
        func fleet(_ pools: [String], roots: [String]) -> FleetManifest {
            FleetManifest(
                fleet: Fleet(metadata: Metadata(name: "f"), uuid: UUID()),
                hosts: [KVMHost(metadata: Metadata(name: "h"), spec: KVMHost.Spec(storageRoots: roots))],
                pools: pools.map { StoragePool(metadata: Metadata(name: "p"), spec: StoragePool.Spec(path: $0)) })
        }
        let trusted = fleet(["/srv/old/a"], roots: ["/var/lib/infra"])
        func known(_ path: String, _ trusted: FleetManifest?) -> Bool {
            // What the client says of roots counts for nothing.
            let scope = PreviewScope(fleet([path], roots: ["/", "/root"]), trusted: trusted)
            #expect(scope.strangers.isEmpty && scope.leftOut.isEmpty == !scope.manifest.pools.isEmpty)
            return scope.leftOut.isEmpty
        }
        #expect(known("/srv/old/a", trusted) && known("/var/lib/infra/b", trusted))
        for path in ["/root/.ssh", "/srv/old", "/srv/old/a/b", "/var/lib/infra", "/var/lib/infrastructure/x"] {
            #expect(!known(path, trusted), "\(path)")
        }
        #expect(!known("/var/lib/infra/b", nil))
        // No machine is reached because a pushed commit names it.
        var other = trusted
        other.hosts[0].spec.connection = .ssh(KVMHost.SSH(address: "192.0.2.66"))
        #expect(PreviewScope(other, trusted: trusted).strangers.count == 1)
        #expect(PreviewScope(other, trusted: nil).strangers.count == 1)
        #expect(PreviewScope(other, trusted: other).strangers.isEmpty)
    }
}
