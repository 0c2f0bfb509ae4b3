import Synchronization

/// What was told last, and the commits that are spoken of.
final class Told: Sendable {
    private struct State {
        var commits: [String: CommitSummary] = [:]
        var order: [String] = []
        var last: [String: String] = [:]
    }

    private let state = Mutex(State())

    /// The newest hundred are enough: what is told is about commits that have just come.
    func remember(_ commit: CommitSummary) {
        state.withLock { state in
            if state.commits.updateValue(commit, forKey: commit.id) == nil { state.order.append(commit.id) }
            guard state.order.count > 100 else { return }
            let oldest = state.order.removeFirst()
            state.commits[oldest] = nil
            state.last[oldest] = nil
        }
    }

    func commit(_ id: String) -> CommitSummary? { state.withLock { $0.commits[id] } }

    /// Whether this is not what was said last of that commit.
    func isNews(_ id: String, _ text: String) -> Bool {
        state.withLock { state in
            if state.last.count > 200 { state.last = [:] }
            return state.last.updateValue(text, forKey: id) != text
        }
    }
}
