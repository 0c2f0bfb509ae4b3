import Foundation
import Testing

extension RackTests {
    @Suite(.enabled(if: ProcessInfo.processInfo.environment["INFRA_CAMPAIGN"] != nil, "run by make campaign"))
    struct RackMoveKillCampaign {
        /// At every tenth of a second of a move, and then at each of the events after it.
        @Test func aMoveIsKilledAnywhere() async throws {
            try await withRacks("pendulum") { fleet in
                let trial = try await RackMoveTrial(fleet)
                for tenth in 0..<80 {
                    try await trial.kill(after: .milliseconds(tenth * 100), isSlow: true) {
                        $0.what == .stepStarted && $0.step.hasSuffix("/migrate")
                    }
                }
                for step in ["/create", "/migrate", "/mark-moved", "/mark", "/remove-copy", "/remove-seed"] {
                    for what in [StepEvent.What.stepStarted, .stepDone] {
                        try await trial.kill(isSlow: true) { $0.what == what && $0.step.hasSuffix(step) }
                    }
                }
            }
        }
    }
}
