/// One at a time, in the order in which they came: a preview observes every host and holds a whole fleet in memory.
actor ControlTurn {
    private var isTaken = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    /// Runs the body when it is its turn.
    nonisolated func take<Value>(_ body: () async throws -> Value) async rethrows -> Value {
        await wait()
        do {
            let value = try await body()
            await free()
            return value
        } catch {
            await free()
            throw error
        }
    }

    private func wait() async {
        guard isTaken else {
            isTaken = true
            return
        }
        await withCheckedContinuation { waiting.append($0) }
    }

    private func free() {
        if waiting.isEmpty { isTaken = false } else { waiting.removeFirst().resume() }
    }
}
