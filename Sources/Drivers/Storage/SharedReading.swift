import Hosts
import Synchronization

/// One answer for all who ask at the same time. Whoever asks gets one that was begun to be read after that, so it is no older
/// than one of its own would be; those who ask while another is being read share the next one.
final class SharedReading<Answer: Sendable>: Sendable {
    typealias Reading = @Sendable () async throws(HostError) -> Answer
    private typealias Waiting = [Int: CheckedContinuation<Result<Answer, HostError>, Never>]

    private struct State {
        var isReading = false
        /// Those who get what is being read, and those who asked since.
        var served: Waiting = [:]
        var waiting: Waiting = [:]
        /// Whose task ended before it waited.
        var gone: Set<Int> = []
        var count = 0
    }

    /// What is read, for errors.
    private let name: String
    private let state = Mutex(State())

    /// - Parameter name: what is read, for errors.
    init(_ name: String) { self.name = name }

    /// How many wait for a reading that is not begun yet.
    var waiting: Int { state.withLock { $0.waiting.count } }

    /// What the reading finds, begun after this call.
    ///
    /// - Parameter read: the same for all who ask. It has a deadline of its own, and is not ended with the task of one who waits.
    /// - Throws: what the reading throws, `.deadline` when the caller was cancelled.
    func answer(_ read: @escaping Reading) async throws(HostError) -> Answer {
        let number = state.withLock { state in
            state.count += 1
            return state.count
        }
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let (isGone, isFirst) = state.withLock { state in
                    if state.gone.remove(number) != nil { return (true, false) }
                    state.waiting[number] = continuation
                    defer { state.isReading = true }
                    return (false, !state.isReading)
                }
                if isGone { continuation.resume(returning: .failure(.deadline(call: name))) }
                if isFirst { Task { await serve(read) } }
            }
        } onCancel: {
            let waiting = state.withLock { state in
                let found = state.waiting.removeValue(forKey: number) ?? state.served.removeValue(forKey: number)
                if found == nil { state.gone.insert(number) }
                return found
            }
            waiting?.resume(returning: .failure(.deadline(call: name)))
        }
        // Cancelled after its answer was there.
        state.withLock { _ = $0.gone.remove(number) }
        return try result.get()
    }

    /// Reads for those who wait, again and again until nobody does.
    private func serve(_ read: Reading) async {
        while begin() {
            let answer: Result<Answer, HostError>
            do throws(HostError) {
                answer = .success(try await read())
            } catch {
                answer = .failure(error)
            }
            let served = state.withLock { state in
                defer { state.served = [:] }
                return state.served
            }
            for continuation in served.values { continuation.resume(returning: answer) }
        }
    }

    /// Whether somebody waits; the next answer is theirs.
    private func begin() -> Bool {
        state.withLock { state in
            swap(&state.served, &state.waiting)
            state.isReading = !state.served.isEmpty
            return state.isReading
        }
    }
}
