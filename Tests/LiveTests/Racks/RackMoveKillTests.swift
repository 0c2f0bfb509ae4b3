import Testing

extension RackTests {
    /// `kill -9` of a run in the middle of a move: one copy runs at most, and the next run ends the move.
    @Suite struct RackMoveKillTests {
        /// While its disk or memory is sent, and once it is there while both copies of its disk are.
        @Test func theNextRunEndsTheMove() async throws {
            try await withRacks("pendulum") { fleet in
                let trial = try await RackMoveTrial(fleet)
                for wanted in [1, 2] {
                    var count = 0
                    try await trial.kill(isSlow: true) { event in
                        guard event.what == .stepProgress, event.step.hasSuffix("/migrate") else { return false }
                        count += 1
                        return count == wanted
                    }
                    #expect(count == wanted, "the move ended after \(count) pieces of news")
                }
                try await trial.kill(isSlow: false) { $0.what == .stepDone && $0.step.hasSuffix("/migrate") }
            }
        }
    }
}
