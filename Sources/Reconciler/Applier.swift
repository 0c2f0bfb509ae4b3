import Foundation
import Hosts
import Model
import Planning
import Synchronization

/// Does the steps of a plan: independent ones at once, each after all it waits for. A step that fails stops only what
/// waits for it.
struct Applier: Sendable {
    /// How many steps may run at once.
    let parallelism: Int
    /// Asked before each step: a reason to start no more; nil to go on.
    let stopReason: @Sendable () -> String?
    /// Asked when a step's turn has come: a reason not to begin it; nil to go on.
    let holdReason: @Sendable (Step) -> String?
    /// Told what happens.
    let report: @Sendable (ApplyEvent) -> Void
    /// Performs a step on its host.
    let perform: @Sendable (Step) async throws(HostError) -> Void

    private enum Outcome {
        case done(milliseconds: Int)
        case failed(HostError)
    }

    func run(_ steps: [Step]) async -> ApplyReport {
        report(.started(steps: steps.map(\.id)))
        var result = ApplyReport()
        var waiting = steps
        var open = Set(steps.map(\.id))
        var lost: [String: String] = [:]
        var stopping: String?
        await withTaskGroup(of: (Step, Outcome).self) { group in
            var running = 0
            while true {
                if stopping == nil, !waiting.isEmpty, let reason = stopReason() {
                    stopping = reason
                    report(.stopping(reason: reason))
                }
                var index = 0
                while index < waiting.count, stopping == nil, running < parallelism {
                    let step = waiting[index]
                    if let cause = step.after.first(where: { lost[$0] != nil }) {
                        waiting.remove(at: index)
                        skip(step, "waits for \(cause), which did not end well", &result, &lost)
                    } else if step.after.allSatisfy({ !open.contains($0) }) {
                        waiting.remove(at: index)
                        if let reason = holdReason(step) {
                            skip(step, reason, &result, &lost)
                            continue
                        }
                        running += 1
                        report(.stepStarted(step: step.id, resource: step.resource, verb: step.operation.verb))
                        group.addTask { (step, await outcome(of: step)) }
                    } else {
                        index += 1
                    }
                }
                guard running > 0, let (step, outcome) = await group.next() else { break }
                running -= 1
                settle(step, outcome, &result, &open, &lost)
            }
        }
        for step in waiting { skip(step, stopping ?? "what it waits for did not end well", &result, &lost) }
        return result
    }

    private func outcome(of step: Step) async -> Outcome {
        let clock = ContinuousClock()
        let start = clock.now
        do throws(HostError) {
            try await perform(step)
            let elapsed = (clock.now - start).components
            return .done(milliseconds: Int(elapsed.seconds * 1000 + elapsed.attoseconds / 1_000_000_000_000_000))
        } catch {
            return .failed(error)
        }
    }

    private func settle(
        _ step: Step, _ outcome: Outcome, _ result: inout ApplyReport, _ open: inout Set<String>,
        _ lost: inout [String: String]
    ) {
        switch outcome {
        case .done(let milliseconds):
            open.remove(step.id)
            result.done.append(step.id)
            report(.stepDone(step: step.id, resource: step.resource, milliseconds: milliseconds))
        case .failed(let error):
            let failure = ApplyReport.Failure(step: step.id, reason: "\(error)")
            lost[step.id] = failure.reason
            let kind: ApplyEvent.FailureKind
            if case .deadline = error { kind = .unknown } else { kind = .failed }
            if kind == .unknown { result.unknown.append(failure) } else { result.failed.append(failure) }
            report(.stepFailed(step: step.id, resource: step.resource, outcome: kind, error: failure.reason))
        }
    }

    private func skip(
        _ step: Step, _ reason: String, _ result: inout ApplyReport, _ lost: inout [String: String]
    ) {
        lost[step.id] = reason
        result.notTried.append(ApplyReport.Failure(step: step.id, reason: reason))
        report(.stepSkipped(step: step.id, resource: step.resource, reason: reason))
    }
}
