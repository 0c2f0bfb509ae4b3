import Model
import Planning
import Testing

/// What holds interfaces to their bandwidth, by what the host's kernel has.
@Suite struct ShapingTests {
    private func plan(_ shaping: Shaping?) throws -> Plan {
        var manifest = try FieldWalkTests.fleet()
        for index in manifest.machines.indices {
            for place in manifest.machines[index].spec.interfaces.indices {
                manifest.machines[index].spec.interfaces[place].bandwidth = Bandwidth(
                    inbound: .init(average: BitRate(kilobytes: 1000), peak: BitRate(kilobytes: 2000)),
                    outbound: .init(average: BitRate(kilobytes: 500), burst: .mebibytes(1)))
            }
        }
        var simulator = Simulator.empty(manifest)
        simulator.hosts["server-1"]?.shaping = shaping
        return Planner.plan(manifest, observed: simulator.observation(manifest))
    }

    private func bandwidths(_ plan: Plan) -> [Bandwidth?] {
        plan.steps.flatMap { step in
            guard case .defineMachine(let machine) = step.operation else { return [Bandwidth?]() }
            return machine.spec.interfaces.map(\.bandwidth)
        }
    }

    private func limits(_ plan: Plan) -> [String] {
        plan.steps.flatMap { step in
            guard case .writeFirewall(let firewall) = step.operation else { return [String]() }
            return firewall.ports.flatMap { $0.from + ["to"] + $0.to }.filter { $0.hasPrefix("limit") || $0 == "to" }
        }
    }

    @Test(arguments: [nil, Shaping.queues]) func libvirtDoesItWhereItCan(_ shaping: Shaping?) throws {
        let plan = try plan(shaping)
        #expect(!bandwidths(plan).isEmpty && bandwidths(plan).allSatisfy { $0 != nil })
        #expect(limits(plan).allSatisfy { $0 == "to" })
    }

    @Test func rulesDoItElsewhere() throws {
        let plan = try plan(.rules)
        #expect(!bandwidths(plan).isEmpty && bandwidths(plan).allSatisfy { $0 == nil })
        #expect(
            limits(plan).prefix(4) == [
                "limit rate over 500000 bytes/second burst 1048576 bytes drop", "to",
                "limit rate over 2000000 bytes/second burst 131072 bytes drop",
                "limit rate over 1000000 bytes/second burst 131072 bytes drop",
            ])
    }

    @Test func nothingStartsThatCannotBeHeld() throws {
        let plan = try plan(.nothing)
        #expect(bandwidths(plan).isEmpty)
        #expect(plan.blocked.contains { $0.reason.contains("cannot be held") })
        // A machine without an interface has nothing to hold.
        let started = plan.steps.compactMap { step in
            if case .startMachine(let machine) = step.operation { machine.metadata.name } else { nil }
        }
        #expect(started == ["scout"])
    }
}
