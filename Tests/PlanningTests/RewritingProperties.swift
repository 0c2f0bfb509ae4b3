import Foundation
import Model
import Planning
import TestSupport
import Testing

/// What holds while files are copied within their pool, tried on generated fleets by the simulator.
@Suite struct RewritingProperties {
    static let seeds = Array(UInt64(1)...12)
    private let everything = PlanOptions(allowance: .dataLoss)

    private func plan(_ simulator: Simulator, _ manifest: FleetManifest, _ options: PlanOptions? = nil) throws -> Plan {
        let plan = Planner.plan(
            manifest, observed: simulator.observation(manifest), options: options ?? everything)
        try #require(plan.problems.isEmpty && plan.blocked.isEmpty, "\(PlanText().render(plan))")
        #expect(Set(plan.steps.map(\.id)).count == plan.steps.count)
        return plan
    }

    private func converge(_ simulator: inout Simulator, to manifest: FleetManifest, within rounds: Int) throws {
        for _ in 0..<rounds { try simulator.apply(try plan(simulator, manifest)) }
        let last = try plan(simulator, manifest)
        #expect(last.isEmpty && last.deferred.isEmpty, "\(PlanText().render(last))")
    }

    /// One file of each volume, which counts, and which its machine has.
    private func volumes(_ simulator: Simulator) -> [Volume] {
        let volumes = simulator.hosts.values.flatMap(\.volumes)
        #expect(Set(volumes.map(\.metadata.identity)).count == volumes.count)
        #expect(volumes.allSatisfy { $0.status?.mark?.copy == nil })
        let disks = simulator.hosts.values.flatMap(\.machines).flatMap(\.spec.disks).compactMap(\.path)
        #expect(Set(disks).isSubset(of: Set(volumes.compactMap(\.status?.path))))
        return volumes
    }

    /// A fleet whose machines have layers as their disks, as it stands.
    private func layered(_ seed: UInt64) throws -> (MovingFleet, Simulator) {
        var fleet = MovingFleet(seed: seed)
        for index in fleet.manifest.machines.indices {
            fleet.manifest.machines[index].spec.disks[0].declared?.image = "i0"
            fleet.manifest.machines[index].spec.disks[0].declared?.clone = .linked
        }
        var simulator = Simulator.empty(fleet.manifest)
        try converge(&simulator, to: fleet.manifest, within: 1)
        return (fleet, simulator)
    }

    @Test(arguments: seeds) func layersBecomeVolumesOfTheirOwn(seed: UInt64) throws {
        var (fleet, simulator) = try layered(seed)
        for index in fleet.manifest.machines.indices {
            fleet.manifest.machines[index].spec.disks[0].declared?.clone = .full
        }
        let whole = try plan(simulator, fleet.manifest)
        #expect(whole.steps.allSatisfy { $0.disruption <= .live })
        // Cut off anywhere.
        for count in 0...whole.steps.count {
            var cut = simulator
            for step in whole.steps.prefix(count) { try cut.apply(step) }
            try converge(&cut, to: fleet.manifest, within: 2)
            #expect(volumes(cut).allSatisfy { $0.status?.backing == nil })
        }
        // Given up anywhere.
        for count in 0...whole.steps.count {
            var cut = simulator
            for step in whole.steps.prefix(count) { try cut.apply(step) }
            for index in fleet.manifest.machines.indices {
                fleet.manifest.machines[index].spec.disks[0].declared?.clone = .linked
            }
            try converge(&cut, to: fleet.manifest, within: 2)
            _ = volumes(cut)
        }
    }

    @Test(arguments: seeds) func whatIsOffLosesItsZerosOnce(seed: UInt64) throws {
        let (fleet, before) = try layered(seed)
        let off = fleet.manifest.machines.filter { $0.spec.power == .stopped }.map { "\($0.metadata.identity).root" }
        var options = everything
        options.sparsified = Set(off)
        let whole = try plan(before, fleet.manifest, options)
        #expect(Set(whole.steps.map(\.resource.id)) == Set(off))
        for count in 0...whole.steps.count {
            var cut = before
            for step in whole.steps.prefix(count) { try cut.apply(step) }
            try converge(&cut, to: fleet.manifest, within: 1)
            _ = volumes(cut)
        }
        // And again, back to the first name.
        var simulator = before
        for isSecond in [true, false] {
            try simulator.apply(try plan(simulator, fleet.manifest, options))
            #expect(
                volumes(simulator).filter { $0.status?.isSecond == true }.map(\.metadata.identity).sorted()
                    == (isSecond ? off : []))
        }
        // Under a guest it is refused.
        options.sparsified = ["m0.root"]
        var running = fleet.manifest
        running.machines[0].spec.power = .running
        try converge(&simulator, to: running, within: 1)
        let refused = Planner.plan(running, observed: simulator.observation(running), options: options)
        #expect(refused.problems.map(\.code) == ["sparsify"])
    }

    @Test(arguments: seeds) func aFileKeepsItsNameOnOtherHosts(seed: UInt64) throws {
        var (fleet, simulator) = try layered(seed)
        for index in fleet.manifest.machines.indices {
            fleet.manifest.machines[index].spec.disks[0].declared?.clone = .full
        }
        try converge(&simulator, to: fleet.manifest, within: 1)
        let names = Set(volumes(simulator).compactMap { $0.status?.path })
        for _ in 0..<3 {
            fleet.shuffle()
            try converge(&simulator, to: fleet.manifest, within: 1)
            #expect(Set(volumes(simulator).compactMap { $0.status?.path }) == names)
        }
        // A move and a copying at once take two runs.
        var (other, layers) = try layered(seed)
        for index in other.manifest.machines.indices {
            other.manifest.machines[index].spec.disks[0].declared?.clone = .full
        }
        other.shuffle()
        let whole = try plan(layers, other.manifest)
        for count in 0...whole.steps.count {
            var cut = layers
            for step in whole.steps.prefix(count) { try cut.apply(step) }
            try converge(&cut, to: other.manifest, within: 4)
            #expect(volumes(cut).allSatisfy { $0.status?.backing == nil })
        }
    }
}
