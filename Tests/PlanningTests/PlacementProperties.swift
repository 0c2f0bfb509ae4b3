import Model
import Planning
import TestSupport
import Testing

/// What holds for the places of machines in every fleet, tried on 1,000 generated ones, each judged by rules written down here
/// once more, without any of the code that places.
@Suite struct PlacementProperties {
    /// Each covers 50 fleets.
    static let blocks = Array(UInt64(0)..<20)

    private static func fleets(_ block: UInt64) -> [PlacementFleet] {
        (1...50).map { PlacementFleet(seed: block * 50 + $0) }
    }

    @Test(arguments: blocks) func noLimitIsEverBroken(block: UInt64) {
        for fleet in Self.fleets(block) {
            let placement = Placement(fleet.manifest, observed: fleet.observed)
            let rules = PlacementRules(fleet, placement.hosts)
            for id in placement.placed { #expect(rules.broken(by: id).isEmpty, "\(id): \(rules.broken(by: id))") }
            // A fleet that was placed, and then more machines: those that are there count, too.
            let more = fleet.settled(placement).joined(by: PlacementFleet(seed: block + 9000))
            let next = Placement(more.manifest, observed: more.observed)
            let again = PlacementRules(more, next.hosts)
            for id in next.placed { #expect(again.broken(by: id).isEmpty, "\(id): \(again.broken(by: id))") }
        }
    }

    @Test(arguments: blocks) func aMachineIsRefusedOnlyWhereNoHostTakesIt(block: UInt64) throws {
        for fleet in Self.fleets(block) {
            let placement = Placement(fleet.manifest, observed: fleet.observed)
            for problem in placement.problems {
                let id = try #require(problem.resource?.id)
                let machine = try #require(fleet.manifest.machines.first { $0.metadata.identity == id })
                // Who it follows may have come after it.
                guard machine.spec.host == nil, machine.spec.placement.affinity.isEmpty,
                    !machine.spec.interfaces.contains(where: { $0.network == "narrow" })
                else { continue }
                for host in fleet.manifest.hosts {
                    var hosts = placement.hosts
                    hosts[id] = host.metadata.identity
                    let broken = PlacementRules(fleet, hosts).broken(by: id)
                    #expect(!broken.isEmpty, "\(id) would have fit on \(host.metadata.name): \(problem.message)")
                }
            }
        }
    }

    @Test(arguments: blocks) func theSameInputInAnyOrderGivesTheSameAnswer(block: UInt64) {
        var random = TestSupport.SeededGenerator(seed: block)
        for fleet in Self.fleets(block) {
            let first = Placement(fleet.manifest, observed: fleet.observed)
            var shuffled = fleet.manifest
            shuffled.hosts.shuffle(using: &random)
            shuffled.pools.shuffle(using: &random)
            shuffled.networks.shuffle(using: &random)
            shuffled.machines.shuffle(using: &random)
            let second = Placement(shuffled, observed: fleet.observed)
            #expect(first.hosts == second.hosts)
            #expect(Set(first.problems) == Set(second.problems))
        }
    }

    /// What is somewhere stays there, whatever becomes of hosts, labels and the other machines.
    @Test(arguments: blocks) func nothingMovesWithoutNeed(block: UInt64) {
        var random = TestSupport.SeededGenerator(seed: block)
        for fleet in Self.fleets(block) {
            let placement = Placement(fleet.manifest, observed: fleet.observed)
            var next = fleet.settled(placement)
            let again = Placement(next.manifest, observed: next.observed)
            #expect(again.placed.allSatisfy { placement.hosts[$0] == nil })
            next = next.joined(by: PlacementFleet(seed: block + 7000))
            for index in next.manifest.hosts.indices {
                if random.chance(3) { next.manifest.hosts[index].metadata.labels = ["room": "b"] }
                if random.chance(3) { next.manifest.hosts[index].spec.overcommit.memory = 1 }
                if random.chance(5) { next.manifest.hosts[index].spec.maintenance.toggle() }
            }
            next.manifest.machines.removeAll { _ in random.chance(5) }
            let kept = Set(next.manifest.machines.map(\.metadata.identity))
            let hosts = Placement(next.manifest, observed: next.observed).hosts
            let leaving = Set(next.manifest.hosts.filter(\.spec.maintenance).map(\.metadata.identity))
            for (id, host) in placement.hosts where kept.contains(id) && next.isThere(id) && !leaving.contains(host) {
                #expect(hosts[id] == host, "\(id) was on \(host), and goes to \(hosts[id] ?? "nowhere")")
            }
        }
    }

    /// A machine that was seen nowhere may be on a host that does not answer.
    @Test(arguments: blocks) func nothingIsMadeWhileAHostIsUnknown(block: UInt64) {
        var random = TestSupport.SeededGenerator(seed: block)
        for var fleet in Self.fleets(block) where fleet.manifest.hosts.count > 1 {
            guard let dark = random.pick(from: fleet.manifest.hosts) else { continue }
            if random.chance(2) {
                fleet.observed[dark.metadata.identity] = nil
            } else {
                fleet.observed[dark.metadata.identity]?.unknown = [UnknownArea(.host, reason: "no answer")]
            }
            let placement = Placement(fleet.manifest, observed: fleet.observed)
            #expect(placement.placed.isEmpty)
            for machine in fleet.manifest.machines {
                let host = placement.hosts[machine.metadata.identity]
                #expect(host == nil || host == dark.metadata.identity, "\(machine.metadata.name) on \(host ?? "")")
            }
        }
    }

    /// Of a host that is said to be off only what the word names goes elsewhere, where it breaks no limit, and nothing whose
    /// disk nobody sees.
    @Test(arguments: blocks) func aFenceFreesWhatItNamesAlone(block: UInt64) {
        var random = TestSupport.SeededGenerator(seed: block)
        var freed = 0
        for fleet in Self.fleets(block) where fleet.manifest.hosts.count > 1 {
            var next = fleet.settled(Placement(fleet.manifest, observed: fleet.observed))
            guard let dark = random.pick(from: next.manifest.hosts) else { continue }
            let id = dark.metadata.identity
            let there = next.observed[id]?.machines.map(\.metadata.identity) ?? []
            let named = there.filter { _ in random.chance(2) }
            next.observed[id] = HostInventory(
                host: dark, unknown: [UnknownArea(.host, reason: "no answer")], lastSeen: there,
                fence: Fence(
                    machines: named.reduce(into: [:]) { machines, name in
                        machines[name] = next.manifest.machines.first { $0.metadata.identity == name }?.volumes
                    }))
            let placement = Placement(next.manifest, observed: next.observed)
            for machine in next.manifest.machines where there.contains(machine.metadata.identity) {
                let name = machine.metadata.identity
                let place = placement.hosts[name]
                if !named.contains(name) || machine.spec.host == id {
                    #expect(place == id, "\(name) goes to \(place ?? "nowhere")")
                } else if !machine.spec.disks.isEmpty {
                    #expect(place == nil, "\(name) goes to \(place ?? "nowhere") without its disk")
                } else if place != nil {
                    freed += 1
                    let broken = PlacementRules(next, placement.hosts).broken(by: name)
                    #expect(place != id && broken.isEmpty, "\(name): \(broken)")
                }
            }
        }
        #expect(freed > 10)
    }

    /// The whole of it: what a plan makes is what the next plan finds.
    @Test(arguments: blocks) func aPlanForSeveralHostsLeavesNothingToDo(block: UInt64) throws {
        for fleet in Self.fleets(block).prefix(10) {
            var simulator = Simulator(fleet.observed)
            let plan = Planner.plan(fleet.manifest, observed: simulator.observation(fleet.manifest))
            guard plan.problems.isEmpty else { continue }
            try simulator.apply(plan)
            let next = Planner.plan(fleet.manifest, observed: simulator.observation(fleet.manifest))
            #expect(next.steps.isEmpty && next.problems.isEmpty, "\(PlanText().render(next))")
        }
    }
}

extension PlacementFleet {
    /// The fleet with its machines where they were placed.
    func settled(_ placement: Placement) -> PlacementFleet {
        var fleet = self
        for machine in manifest.machines {
            guard let host = placement.hosts[machine.metadata.identity] else { continue }
            var seen = machine
            seen.status = .init(host: host, uuid: RandomFleet.fleet.uuid, state: .running)
            fleet.observed[host]?.machines.append(seen)
        }
        return fleet
    }

    /// The fleet with another one's machines as well, under names of their own.
    func joined(by other: PlacementFleet) -> PlacementFleet {
        var fleet = self
        let pools = Set(manifest.pools.map(\.metadata.identity))
        for var machine in other.manifest.machines {
            machine.metadata.name = "n" + machine.metadata.name
            machine.spec.host = nil
            machine.spec.disks.removeAll { disk in disk.declared.map { !pools.contains($0.pool) } ?? false }
            fleet.manifest.machines.append(machine)
        }
        return fleet
    }

    func isThere(_ id: String) -> Bool {
        observed.values.contains { $0.machines.contains { $0.metadata.identity == id } }
    }
}
