/// How long after its deadline a process may take to die before it is left behind.
private let grace = Duration.seconds(2)

/// Runs the body, cancels it at the deadline or when the caller is cancelled, and gives up waiting a little later: a
/// process in an uninterruptible system call cannot be killed by anyone, and must not hold us.
///
/// - Throws: what the body throws, or `.deadline` when it was cancelled.
func withGitDeadline<Value: Sendable>(
    _ what: String, _ limit: Duration, _ body: @escaping @Sendable () async throws(GitError) -> Value
) async throws(GitError) -> Value {
    let late = GitError.deadline("\(what) took longer than \(limit.components.seconds) s and was ended")
    let (results, answer) = AsyncStream.makeStream(of: Result<Value, GitError>.self)
    let work = Task {
        do throws(GitError) {
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
