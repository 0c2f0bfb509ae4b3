import Model
import Planning
import TestSupport
import Testing

/// What `infra start`, `stop` and `restart` plan.
@Suite struct PowerRequestTests {
    /// A fleet that is there as declared, but for what `change` makes of its manifests then.
    private func plan(
        _ verb: PowerRequest.Verb, _ machines: [String] = ["artist"], declared: VirtualMachine.Power = .manual,
        state: VirtualMachine.State = .running, change: (inout FleetManifest) -> Void = { _ in }
    ) throws -> (plan: Plan, next: Plan) {
        var manifest = try FieldWalkTests.fleet()
        set(&manifest) { $0.power = declared }
        var simulator = Simulator.empty(manifest)
        try simulator.apply(Planner.plan(manifest, observed: simulator.observation(manifest)))
        for host in simulator.hosts.keys {
            for index in (simulator.hosts[host]?.machines ?? []).indices {
                simulator.hosts[host]?.machines[index].status?.state = state
            }
        }
        change(&manifest)
        let options = PlanOptions(
            allowance: .stop, targets: Set(machines.map { ResourceID(.virtualMachine, $0) }),
            request: PowerRequest(verb, of: Set(machines)))
        let plan = Planner.plan(manifest, observed: simulator.observation(manifest), options: options)
        if plan.problems.isEmpty { try simulator.apply(plan) }
        return (
            plan, Planner.plan(manifest, observed: simulator.observation(manifest), options: options.afterwards)
        )
    }

    private func set(_ manifest: inout FleetManifest, _ change: (inout VirtualMachine.Spec) -> Void) {
        for index in manifest.machines.indices where manifest.machines[index].metadata.name == "artist" {
            change(&manifest.machines[index].spec)
        }
    }

    private func names(_ plan: Plan) -> [String] {
        (plan.steps + plan.deferred).map { "\($0.resource.id) \($0.operation.name)" }
    }

    @Test func aManualMachineIsStartedAndStopped() throws {
        let (start, started) = try plan(.start, state: .off)
        #expect(names(start) == ["artist start"] && start.steps.first?.disruption == Disruption.none)
        #expect(started.isEmpty)
        let (stop, stopped) = try plan(.stop)
        #expect(names(stop) == ["artist stop"] && stop.steps.first?.disruption == .stop)
        #expect(stopped.isEmpty)
        #expect(try plan(.start).plan.isEmpty)
        #expect(try plan(.stop, state: .off).plan.isEmpty)
    }

    @Test(arguments: [VirtualMachine.Power.manual, .running]) func aRestartIsDoneOnce(
        _ declared: VirtualMachine.Power
    ) throws {
        let (restart, next) = try plan(.restart, declared: declared)
        #expect(names(restart) == ["artist restart"] && restart.steps.first?.reason == "asked for")
        #expect(restart.steps.first?.disruption == .restart)
        #expect(next.isEmpty, "\(PlanText().render(next))")
    }

    /// The restart that a plan has deferred, with what it waits for: another disk's growth and another machine wait on.
    @Test func nothingElseIsDone() throws {
        let (restart, next) = try plan(.restart, declared: .running) { manifest in
            set(&manifest) { $0.memory.size = .mebibytes(1536) }
            manifest.volumes.indices.forEach { manifest.volumes[$0].spec.deletion = .delete }
            manifest.machines.indices.forEach { manifest.machines[$0].spec.autostart.toggle() }
        }
        #expect(names(restart).contains("artist update") && names(restart).contains("artist restart"))
        #expect(!names(restart).contains { $0.hasPrefix("scout") || $0.hasPrefix("other") }, "\(names(restart))")
        #expect(restart.steps.last?.reason == "it runs with older values")
        #expect(next.isEmpty, "\(PlanText().render(next))")
    }

    @Test func aManifestIsNotFought() throws {
        let refused: [(PowerRequest.Verb, VirtualMachine.Power, String)] = [
            (.stop, .running, "its manifest says `power: running`, and the next apply would start it again"),
            (.start, .stopped, "its manifest says `power: stopped`, and the next apply would stop it again"),
            (.restart, .stopped, "its manifest says `power: stopped`, and the next apply would stop it again"),
        ]
        for (verb, declared, message) in refused {
            let (plan, _) = try plan(verb, declared: declared)
            #expect(plan.problems.map(\.message) == [message])
            #expect(plan.problems.first?.resource == ResourceID(.virtualMachine, "artist"))
        }
        // Whoever ignores it has said that it is not the manifest's to say.
        let ignored = try plan(.stop, declared: .running) { set(&$0) { $0.ignoreChanges = ["power"] } }
        #expect(ignored.plan.problems.isEmpty && names(ignored.plan).contains("artist stop"))
    }

    @Test func aProtectedMachineIsNotStopped() throws {
        let (plan, _) = try plan(.stop) { set(&$0) { $0.protect = true } }
        #expect(plan.problems.map(\.code) == ["protected"])
    }

    @Test func nothingIsMade() throws {
        let manifest = try FieldWalkTests.fleet()
        let options = PlanOptions(
            targets: [ResourceID(.virtualMachine, "artist")], request: PowerRequest(.start, of: ["artist"]))
        let plan = Planner.plan(manifest, observed: Simulator.empty(manifest).observation(manifest), options: options)
        #expect(plan.steps.isEmpty && plan.deferred.isEmpty)
        #expect(plan.blocked.map(\.reason) == ["is not there yet; `infra apply` makes it"])
    }
}
