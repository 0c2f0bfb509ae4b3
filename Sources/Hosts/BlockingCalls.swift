import Foundation
import Synchronization

/// A small pool of own threads for C calls that block, so that they never hold a thread of Swift's cooperative pool.
///
/// Each call has a deadline. When it passes, the caller gets `HostError.deadline`, the thread that is still in the call
/// is left behind with its late result dropped, and a new thread may take its place in the pool.
public final class BlockingCalls: Sendable {
    private let queue: BlockingQueue

    /// A pool of at most that many threads, started as they are needed.
    public init(threads: Int) { queue = BlockingQueue(limit: threads) }

    /// The threads end when the queue is empty.
    deinit { queue.close() }

    /// Runs the body on a thread of the pool.
    ///
    /// Throws what the body throws, or `HostError.deadline` when it has not returned in time. The body then may still
    /// run, or will not run at all when no thread was free.
    ///
    /// - Parameter endsWhenCancelled: whether the end of the caller's task is taken for the deadline.
    public func run<Value: Sendable>(
        _ call: String, deadline: Duration, endsWhenCancelled: Bool = false,
        _ body: @escaping @Sendable () throws(HostError) -> Value
    ) async throws(HostError) -> Value {
        // Nothing is begun that is late already.
        guard deadline > .zero else { throw .deadline(call: call) }
        let job = BlockingJob<Value>()
        let timer = Task { [queue] in
            try await Task.sleep(for: deadline)
            // Told apart by who comes first: the first to finish the job resumes the caller.
            if job.finish(.failure(.deadline(call: call))) { queue.abandon(job) }
        }
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                job.wait(continuation)
                queue.append(
                    BlockingQueue.Entry(job: job) {
                        if !job.isFinished { job.finish(Result(catching: body)) }
                    })
            }
        } onCancel: {
            if endsWhenCancelled, job.finish(.failure(.deadline(call: call))) { queue.abandon(job) }
        }
        timer.cancel()
        return try result.get()
    }

    /// Runs the body on a thread of the pool some time, and tells nobody how it went.
    func detach(_ body: @escaping @Sendable () -> Void) {
        queue.append(BlockingQueue.Entry(job: nil) { body() })
    }
}

/// The one result of a call, given by whoever comes first: the thread or the timer.
private final class BlockingJob<Value: Sendable>: Sendable {
    private enum State {
        case idle
        case waiting(CheckedContinuation<Result<Value, HostError>, Never>)
        case finished(Result<Value, HostError>?)
    }

    private let state = Mutex(State.idle)

    func wait(_ continuation: CheckedContinuation<Result<Value, HostError>, Never>) {
        let early: Result<Value, HostError>? = state.withLock { state in
            if case .finished(let result) = state {
                state = .finished(nil)
                return result
            }
            state = .waiting(continuation)
            return nil
        }
        if let early { continuation.resume(returning: early) }
    }

    var isFinished: Bool {
        state.withLock { state in
            if case .finished = state { true } else { false }
        }
    }

    /// Whether this was the first result.
    @discardableResult func finish(_ result: Result<Value, HostError>) -> Bool {
        let (isFirst, waiting) = state.withLock { state in
            switch state {
            case .idle:
                state = .finished(result)
                return (true, CheckedContinuation<Result<Value, HostError>, Never>?.none)
            case .waiting(let continuation):
                state = .finished(nil)
                return (true, continuation)
            case .finished: return (false, nil)
            }
        }
        waiting?.resume(returning: result)
        return isFirst
    }
}
