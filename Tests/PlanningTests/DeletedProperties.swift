import Model
import Planning
import TestSupport
import Testing

/// What holds of deleted volumes for every fleet that has them stay, tried on generated ones by the simulator.
@Suite struct DeletedProperties {
    private static let keepFor = 90_000

    /// What goes was deleted before, and its time is over; what is deleted stays from then on, wherever a run ends.
    @Test(arguments: PlanningProperties.seeds, [Disruption.none, .stop, .dataLoss])
    func whatIsDeletedStays(seed: UInt64, allowance: Disruption) throws {
        var random = SeededGenerator(seed: seed)
        var simulator = Simulator.empty(RandomFleet.make(&random, generation: 0))
        for generation in 0..<5 {
            var manifest = RandomFleet.make(&random, generation: generation)
            manifest.fleet.deletedVolumes = Fleet.DeletedVolumes(keepFor: Self.keepFor)
            let now = RandomFleet.now(generation)
            let allowance = generation == 0 ? .dataLoss : allowance
            let plan = Planner.plan(
                manifest, observed: simulator.observation(manifest),
                options: PlanOptions(allowance: allowance, now: now))
            #expect(plan.problems.isEmpty, "\(plan.problems)")
            #expect(allowance == .dataLoss || plan.steps.allSatisfy { $0.disruption != .dataLoss })
            for step in plan.steps.prefix(Int.random(in: 0...plan.steps.count, using: &random)) {
                let before = try #require(simulator.hosts["h0"]).volumes
                try simulator.apply(step)
                let after = try #require(simulator.hosts["h0"]).volumes
                switch step.operation {
                case .keepDeleted:
                    let old = try #require(before.first { $0.metadata.identity == step.resource.id })
                    let kept = try #require(after.last { $0.status?.mark?.deleted?.volume == step.resource.id })
                    #expect(kept.isDeleted && kept.spec.size == old.spec.size)
                    #expect(kept.status?.mark?.deleted?.until == now.adding(Int64(Self.keepFor)))
                    #expect(after.count == before.count && step.disruption == .dataLoss)
                case .expireDeleted(let volume):
                    #expect(try #require(volume.status?.mark?.deleted).until <= now && step.disruption == .none)
                    #expect(after.count == before.count - 1)
                case .removeVolume: Issue.record("\(step.id): nobody asked for that")
                default: #expect(before.count(where: \.isDeleted) == after.count(where: \.isDeleted))
                }
            }
        }
    }
}
