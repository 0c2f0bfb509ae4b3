/// How long after its deadline a command may take to die before it is left behind.
private let grace = Duration.seconds(2)

/// Runs the body, cancels it at the deadline or when the caller is cancelled, and gives up waiting a little later: a
/// process in an uninterruptible system call cannot be ended by anyone, and must not hold us.
///
/// - Throws: what the body throws, or `.deadline` when it was cancelled.
func withDeadline<Value: Sendable>(
    _ call: String, _ limit: Duration, _ body: @escaping @Sendable () async throws(HostError) -> Value
) async throws(HostError) -> Value {
    let (results, answer) = AsyncStream.makeStream(of: Result<Value, HostError>.self)
    let work = Task {
        do throws(HostError) {
            answer.yield(.success(try await body()))
        } catch {
            answer.yield(.failure(Task.isCancelled ? .deadline(call: call) : error))
        }
    }
    let watch = Task {
        guard (try? await Task.sleep(for: limit)) != nil else { return }
        work.cancel()
        guard (try? await Task.sleep(for: grace)) != nil else { return }
        answer.yield(.failure(.deadline(call: call)))
    }
    // A task of its own, since a cancelled caller would not see the stream's values.
    let first = Task { await results.first { _ in true } }
    let result = await withTaskCancellationHandler {
        await first.value
    } onCancel: {
        work.cancel()
        Task {
            try? await Task.sleep(for: grace)
            answer.yield(.failure(.deadline(call: call)))
        }
    }
    watch.cancel()
    return try (result ?? .failure(.deadline(call: call))).get()
}
