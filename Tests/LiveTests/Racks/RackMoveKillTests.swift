import Testing

extension RackTests {
    /// `kill -9` of a run in the middle of a move: one copy runs at most, and the next run ends the move.
    @Suite struct RackMoveKillTests {
        /// While its disk or memory is sent, and once it is there while both copies of its disk are.
        @Test func theNextRunEndsTheMove() async throws {
            try await withRacks("pendulum") { fleet in
                let trial = try await RackMoveTrial(fleet)
                try await trial.kill(after: .milliseconds(1500)) {
                    $0.what == .stepStarted && $0.step.hasSuffix("/migrate")
                }
                try await trial.kill(after: .zero) { $0.what == .stepDone && $0.step.hasSuffix("/migrate") }
            }
        }
    }
}
