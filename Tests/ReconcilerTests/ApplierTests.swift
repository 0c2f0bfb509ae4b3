import Model
import Planning
import Synchronization
import Testing

@testable import Reconciler

@Suite struct ApplierTests {
    private static func step(_ id: String, after: [String] = []) -> Step {
        Step(
            host: "h", resource: ResourceID(.network, id), action: .create,
            operation: .removeStagedLink(name: id), reason: "", after: after.map { self.id($0) })
    }

    private static func id(_ id: String) -> String {
        Step.id(host: "h", resource: ResourceID(.network, id), Operation.removeStagedLink(name: id).name)
    }

    /// What is suspended while an apply is at work is not begun, nor what waits for it. The rest goes on, and each is told.
    @Test func whatIsHeldMeanwhileIsNotBegun() async {
        let held = Mutex<Set<String>>([])
        let told = Mutex<[String]>([])
        let performed = Mutex<[String]>([])
        let applier = Applier(
            parallelism: 1, stopReason: { nil },
            holdReason: { step in held.withLock { $0.contains(step.resource.id) ? "suspended" : nil } },
            report: { event in
                if case .stepSkipped(_, let resource, let reason) = event {
                    told.withLock { $0.append("\(resource.id): \(reason)") }
                }
            },
            perform: { step in
                performed.withLock { $0.append(step.resource.id) }
                // Somebody says so while the first step runs.
                if step.resource.id == "a" { held.withLock { _ = $0.insert("b") } }
            })
        let report = await applier.run([
            Self.step("a"), Self.step("b", after: ["a"]), Self.step("c", after: ["b"]), Self.step("d"),
        ])
        #expect(performed.withLock { $0 } == ["a", "d"])
        #expect(report.done == [Self.id("a"), Self.id("d")])
        #expect(report.notTried.map(\.step) == [Self.id("b"), Self.id("c")])
        #expect(
            told.withLock { $0 } == ["b: suspended", "c: waits for \(Self.id("b")), which did not end well"])
        #expect(!report.isComplete)
    }
}
