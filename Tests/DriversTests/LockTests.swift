import Foundation
import Model
import Testing

@testable import Hosts

@Suite struct LockTests {
    let folder: String
    let commands: CommandRunner
    let holder: HostLock.Holder

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "infra-lock-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        commands = CommandRunner(lockFolder: folder)
        holder = HostLock.Holder(fleet: "office", identity: Identity(fleet: UUID()))
    }

    private func take(_ timeout: Duration = .zero, _ rhythm: HostLock.Rhythm = .init()) async throws -> HostLock {
        try await HostLock.take(on: commands, as: holder, timeout: timeout, rhythm: rhythm)
    }

    /// Whether another tool than ours finds it free.
    private func isFree() async throws -> Bool {
        try await commands.run("flock", ["--nonblock", "--", "\(folder)/infra", "true"], accepting: [0, 1]).status == 0
    }

    @Test func onlyOneHolds() async throws {
        #expect(holder.text.contains("pid \(ProcessInfo.processInfo.processIdentifier) since 2"))
        let first = try await take()
        #expect(first.isHeld)
        #expect(try await !isFree())
        #expect(try String(contentsOfFile: folder + "/infra", encoding: .utf8) == holder.text + "\n")
        await #expect(throws: HostError.locked(holder: holder.text)) { _ = try await take() }
        let second = Task { try await take(.seconds(10)) }
        try await Task.sleep(for: .milliseconds(500))
        await first.release()
        #expect(!first.isHeld)
        let taken = try await second.value
        #expect(taken.isHeld)
        await taken.release()
        #expect(try await isFree())
    }

    @Test func itStaysHeldWhileFed() async throws {
        var rhythm = HostLock.Rhythm()
        rhythm.feed = .milliseconds(300)
        rhythm.silence = .seconds(1)
        rhythm.doubt = .milliseconds(900)
        let lock = try await take(.zero, rhythm)
        for _ in 0..<8 {
            let before = ContinuousClock.now
            try await Task.sleep(for: .milliseconds(300))
            // Where this test is not woken in time, neither is the one who feeds.
            guard ContinuousClock.now - before < .milliseconds(500) else { break }
            #expect(lock.isHeld)
        }
        await lock.release()
    }

    @Test func silenceFreesIt() async throws {
        var rhythm = HostLock.Rhythm()
        rhythm.feed = .seconds(60)
        rhythm.silence = .seconds(3)
        rhythm.doubt = .seconds(1)
        let started = ContinuousClock.now
        let lock = try await take(.zero, rhythm)
        try await Task.sleep(for: .milliseconds(1200))
        // The writer doubts before the host gives it away.
        #expect(!lock.isHeld)
        let isFreeTooEarly = try await isFree()
        #expect(!isFreeTooEarly || ContinuousClock.now - started > .milliseconds(2900))
        try await Task.sleep(for: .milliseconds(2500))
        #expect(try await isFree())
        await lock.release()
    }

    @Test func aDeadControllerFreesItButItsCommandsKeepIt() async throws {
        // Another process plays the controller: it feeds the helper, runs a command that writes, and is killed.
        let script = #"""
            { printf 'someone pid 1\n'; sleep 60; } | bash -c "$1" infra-lock "$2" 15 infra infra.work >"$2/words" &
            until grep -q held "$2/words"; do sleep 0.05; done
            setsid flock --shared --no-fork "$2/infra.work" sleep 8 &
            sleep 0.2
            kill -9 0
            """#
        let controller = Task {
            _ = try? await commands.run("bash", ["-c", script, "controller", HostLock.helper, folder])
        }
        await controller.value
        // The lock itself is free within moments; the command that still writes keeps others out.
        try await Task.sleep(for: .milliseconds(300))
        #expect(try await isFree())
        await #expect(throws: HostError.locked(holder: "a command that still runs since someone pid 1")) {
            _ = try await take()
        }
        let lock = try await take(.seconds(30))
        #expect(try await commands.run("pgrep", ["-f", "--", "^sleep 8$"], accepting: [0, 1]).text == "")
        await lock.release()
    }

    @Test func commandsThatWriteRunWhileItIsHeld() async throws {
        let lock = try await take()
        #expect(try await commands.run("echo", ["yes"], underLock: true).text == "yes\n")
        let work = Task { try await commands.run("sleep", ["5"], underLock: true) }
        try await Task.sleep(for: .milliseconds(300))
        let probe = ["--nonblock", "--exclusive", "--", "\(folder)/infra.work", "true"]
        #expect(try await commands.run("flock", probe, accepting: [0, 1]).status == 1)
        #expect(try await commands.run("echo", ["two"], underLock: true).text == "two\n")
        _ = try await work.value
        #expect(try await commands.run("flock", probe, accepting: [0, 1]).status == 0)
        await lock.release()
    }

    @Test func aWriterWithoutTheLockStartsNothing() async throws {
        // Another controller is just taking the lock and holds both files.
        let other = Task {
            try await commands.run(
                "flock", ["--exclusive", "--no-fork", "--", "\(folder)/infra.work", "sleep", "40"])
        }
        try await Task.sleep(for: .milliseconds(300))
        await #expect(throws: HostError.locked(holder: "a writer that took the host's lock meanwhile")) {
            try await commands.run("touch", ["--", folder + "/written"], underLock: true)
        }
        #expect(!FileManager.default.fileExists(atPath: folder + "/written"))
        other.cancel()
        _ = try? await other.value
    }

    @Test func foreignFilesAreRefused() async throws {
        try FileManager.default.createSymbolicLink(atPath: folder + "/infra", withDestinationPath: "/etc/hostname")
        let before = try String(contentsOfFile: "/etc/hostname", encoding: .utf8)
        await #expect(throws: HostError.self) { _ = try await take() }
        #expect(try String(contentsOfFile: "/etc/hostname", encoding: .utf8) == before)
    }

    @Test func aHelperThatDoesNotRunIsNoLock() async throws {
        await #expect(throws: HostError.self) {
            _ = try await HostLock.take(
                on: CommandRunner(lockFolder: folder + "/missing"), as: holder, timeout: .zero)
        }
    }
}
