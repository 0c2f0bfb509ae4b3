public import Foundation
import Synchronization

/// Whether the watcher lives and what it last did, from its events and the beats of its loop.
public final class WatchHealth: WatchEventSink {
    /// What `/healthz` says.
    public struct Report: Hashable, Sendable, Codable {
        /// Whether the loop gave a sign of life lately.
        public var alive: Bool
        /// `leader`, `standby` or `starting`.
        public var role: String
        /// The commit in force, by id.
        public var commit: String?
        /// `ok`, or `failing` when the last look at the repository failed: what is in force stays in force.
        public var repository: String
        /// How long ago the hosts were last found as that commit says, in seconds.
        public var convergedSecondsAgo: Int?
    }

    private struct State {
        var beat: ContinuousClock.Instant
        var role = "starting"
        var commit: String?
        var isRepositoryFailing = false
        var converged: ContinuousClock.Instant?
    }

    private let patience: Duration
    private let now: @Sendable () -> ContinuousClock.Instant
    private let state: Mutex<State>

    /// - Parameters:
    ///   - patience: how long the loop may be silent; a multiple of its poll interval, and longer than a step.
    ///   - now: what time it is; another clock in tests.
    public init(patience: Duration, now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }) {
        self.patience = patience
        self.now = now
        state = Mutex(State(beat: now()))
    }

    /// A sign of life; the loop gives one at each turn, also when it finds nothing to do.
    public func beat() { state.withLock { $0.beat = now() } }

    /// Notes how a look at the repository ended.
    public func polled(failed: Bool) { state.withLock { $0.isRepositoryFailing = failed } }

    /// How it is now.
    public var report: Report {
        state.withLock { state in
            let now = now()
            return Report(
                alive: now - state.beat <= patience, role: state.role, commit: state.commit,
                repository: state.isRepositoryFailing ? "failing" : "ok",
                convergedSecondsAgo: state.converged.map { Int((now - $0).components.seconds) })
        }
    }

    /// Every event is a sign of life.
    public func take(_ event: WatchEvent, at time: Date) async {
        state.withLock { state in
            state.beat = now()
            switch event {
            case .leading: state.role = "leader"
            case .standingBy: state.role = "standby"
            case .commitAccepted(let commit): state.commit = commit.id
            case .converged(let commit, _, _):
                state.commit = commit
                state.converged = state.beat
            default: break
            }
        }
    }
}
