import Model
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
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() {
        (stream, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    func wake(_ reason: WakeReason) {
        reasons.withLock { _ = $0.insert(reason) }
        continuation.yield()
    }

    /// Forgets what hosts told so far: they are about to be read.
    func forgetHosts() {
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
