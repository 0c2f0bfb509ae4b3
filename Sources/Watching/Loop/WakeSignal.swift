import Model
import Reconciler
import Synchronization

/// Why the loop looks again. Losing one costs time, never correctness.
public enum WakeReason: Hashable, Sendable {
    /// A commit was read.
    case revision
    /// Something happened on a host, by identity.
    case host(String)
    /// Somebody asked.
    case request
    /// A resource is left alone from now on, or no longer.
    case suspension
    /// It is to end.
    case stop
}

/// Collects reasons to look again, for one waiter.
final class WakeSignal: Sendable {
    private let reasons = Mutex(Set<WakeReason>())
    private let changes = Mutex<[String: HostChanges]>([:])
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() {
        (stream, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    func wake(_ reason: WakeReason) {
        reasons.withLock { _ = $0.insert(reason) }
        continuation.yield()
    }

    /// Something happened on a host.
    func wake(_ host: String, _ change: HostChanges) {
        changes.withLock { $0[host, default: HostChanges()].formUnion(change) }
        wake(.host(host))
    }

    /// What hosts told so far, for one who is about to look at it.
    func takeHosts() -> [String: HostChanges] {
        // Reasons first: what comes in between wakes once more than needed.
        forgetReasons()
        return changes.withLock { changes in
            defer { changes = [:] }
            return changes
        }
    }

    /// Forgets what hosts told so far: they are about to be read.
    func forgetHosts() { _ = takeHosts() }

    private func forgetReasons() {
        reasons.withLock { reasons in
            reasons = reasons.filter { if case .host = $0 { false } else { true } }
        }
    }

    /// Waits for a reason, or until the time is over.
    func next(within time: Duration) async -> Set<WakeReason> {
        let timer = Task { [continuation] in
            guard (try? await Task.sleep(for: time)) != nil else { return }
            continuation.yield()
        }
        defer { timer.cancel() }
        var iterator = stream.makeAsyncIterator()
        _ = await iterator.next()
        return reasons.withLock { reasons in
            defer { reasons = [] }
            return reasons
        }
    }
}
