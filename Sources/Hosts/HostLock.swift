import Foundation
public import Model

/// The right to change a host, held by one controller at a time.
///
/// It is `flock` on `/run/lock/infra`, held on the host by a small process that we feed a line every 2 s. That process
/// ends with its input, so a controller that dies frees the lock at once, and after 15 s of silence, so one that is
/// cut off frees it too; the writer, which must not start a step by then, sees `isHeld` go false after 10 s without an
/// answer. Commands that a dead controller left running hold `/run/lock/infra.work`, and no lock is held before they
/// have ended.
public final class HostLock: Sendable {
    /// Who wants the lock, as text for those who find it taken.
    public struct Holder: Hashable, Sendable {
        /// `user@host pid 4711 since 2026-03-01T09:00:00Z, fleet office (6f0a1d52)`.
        public let text: String

        /// This process, now.
        ///
        /// - Parameter fleet: the fleet's name.
        public init(fleet: String, identity: Identity) {
            let process = ProcessInfo.processInfo
            let now = Date.now.formatted(.iso8601)
            let text =
                "\(process.userName)@\(process.hostName) pid \(process.processIdentifier) since \(now), "
                + "fleet \(fleet) (\(identity.fleet8))"
            self.text = CommandText.printable(text)
        }
    }

    /// The clockwork. Shorter in tests.
    struct Rhythm: Sendable {
        var feed = Duration.seconds(2)
        var doubt = Duration.seconds(10)
        var silence = Duration.seconds(15)
    }

    private let pulse: HostLockPulse
    private let rhythm: Rhythm
    private let helper: Task<Void, Never>
    /// Keeps the way to the host.
    private let commands: CommandRunner

    private init(on commands: CommandRunner, holder: Holder, rhythm: Rhythm, files: (lock: String, work: String)) {
        self.rhythm = rhythm
        let pulse = HostLockPulse()
        self.commands = commands
        let (configuration, preface) = commands.conversation(
            "bash",
            [
                "-c", Self.helper, "infra-lock", commands.lockFolder, String(rhythm.silence.components.seconds),
                files.lock, files.work,
            ])
        let ticker = Task {
            while (try? await Task.sleep(for: rhythm.feed)) != nil, pulse.tick() {}
        }
        helper = Task {
            await pulse.live(configuration, first: preface + Array((holder.text + "\n").utf8))
            ticker.cancel()
        }
        self.pulse = pulse
    }

    deinit { pulse.stop() }

    /// Takes the lock, waiting for it as long as told.
    ///
    /// - Parameter timeout: how long to wait for another holder, or for its last commands to end; 0 leaves at once.
    /// - Throws: `.locked` with what the holder says of itself, `.unreachable` when the host's helper does not run.
    public static func take(
        on commands: CommandRunner, as holder: Holder, timeout: Duration
    ) async throws(HostError) -> HostLock {
        try await take(on: commands, as: holder, timeout: timeout, rhythm: Rhythm())
    }

    /// Becomes the one that works among the watchers of a fleet. That one takes the host's lock for each apply like
    /// everybody else, so an apply by hand gets its turn.
    ///
    /// - Throws: `.locked` at once when another one works, with what it says of itself; `.unreachable`.
    public static func lead(
        on commands: CommandRunner, as holder: Holder, identity: Identity
    ) async throws(HostError) -> HostLock {
        try await take(
            on: commands, as: holder, timeout: .zero, rhythm: Rhythm(), files: (leaderFile(identity), ""))
    }

    static func take(
        on commands: CommandRunner, as holder: Holder, timeout: Duration, rhythm: Rhythm,
        files: (lock: String, work: String) = (file, workFile)
    ) async throws(HostError) -> HostLock {
        let lock = HostLock(on: commands, holder: holder, rhythm: rhythm, files: files)
        do throws(HostError) {
            // The helper answers several times a second, so silence is a helper that does not run.
            try await withDeadline(timeout + .seconds(10), late: HostError.deadline(call: "taking the host's lock")) {
                () async throws(HostError) in
                try await lock.waitUntilHeld(ContinuousClock.now + timeout)
            }
        } catch {
            await lock.release()
            throw error
        }
        return lock
    }

    /// Whether the lock is surely held. Asked before each step; false once the host has not answered for 10 s.
    public var isHeld: Bool { pulse.isHeld(within: rhythm.doubt) }

    /// Frees the lock and waits until the host's helper has ended, a few milliseconds; 3 s at most.
    public func release() async {
        pulse.stop()
        let watch = Task { [helper] in
            guard (try? await Task.sleep(for: .seconds(3))) != nil else { return }
            helper.cancel()
        }
        await helper.value
        watch.cancel()
    }

    private func waitUntilHeld(_ limit: ContinuousClock.Instant) async throws(HostError) {
        for await word in pulse.words {
            switch word {
            case .held: return
            case .alive: continue
            case .locked(let holder):
                if ContinuousClock.now >= limit { throw .locked(holder: holder) }
            case .busy(let holder):
                if ContinuousClock.now >= limit { throw .locked(holder: "a command that still runs since \(holder)") }
            case .refused(let reason): throw .surprise("the host's lock: \(reason)")
            }
        }
        throw .unreachable("the helper that holds the host's lock ended: \(pulse.lastWords)")
    }
}
