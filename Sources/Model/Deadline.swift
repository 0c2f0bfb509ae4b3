/// How long after its deadline a process may take to die before it is left behind.
private let grace = Duration.seconds(2)

/// Runs the body, cancels it at the deadline or when the caller is cancelled, and gives up waiting a little later: a
/// process in an uninterruptible system call cannot be ended by anyone, and must not hold us.
///
/// - Parameter late: What is thrown when the body was cancelled.
/// - Throws: what the body throws, or `late`.
public func withDeadline<Value: Sendable, Failure: Error>(
    _ limit: Duration, late: Failure, _ body: @escaping @Sendable () async throws(Failure) -> Value
) async throws(Failure) -> Value {
    let (results, answer) = AsyncStream.makeStream(of: Result<Value, Failure>.self)
    let work = Task {
        do throws(Failure) {
            answer.yield(.success(try await body()))
        } catch {
            answer.yield(.failure(Task.isCancelled ? late : error))
        }
    }
    let watch = Task {
        guard (try? await Task.sleep(for: limit)) != nil else { return }
        work.cancel()
        guard (try? await Task.sleep(for: grace)) != nil else { return }
        answer.yield(.failure(late))
    }
    // A task of its own, since a cancelled caller would not see the stream's values.
    let first = Task { await results.first { _ in true } }
    let result = await withTaskCancellationHandler {
        await first.value
    } onCancel: {
        work.cancel()
        Task {
            try? await Task.sleep(for: grace)
            answer.yield(.failure(late))
        }
    }
    watch.cancel()
    return try (result ?? .failure(late)).get()
}
