import Foundation
import Model
import Planning
import TestSupport
import Testing

/// What holds on hosts that are in no state that we ever left them in.
@Suite struct StrangeProperties {
    static let seeds = PlanningTests.SeededGenerator.seeds(150)
    let everything = PlanOptions(allowance: .dataLoss, now: RandomFleet.now(1))
    let identity = Identity(fleet: RandomFleet.fleet.uuid)

    /// A host with a fleet, disturbed, and the next fleet.
    private func scene(_ seed: UInt64, isBlind: Bool) throws -> (Simulator, seen: HostInventory, FleetManifest) {
        var random = SeededGenerator(seed: seed)
        func make(_ generation: Int) -> FleetManifest {
            var fleet = RandomFleet.make(&random, generation: generation)
            // Some have an export for their second folder.
            for index in fleet.pools.indices where Self.hasExport(seed) && fleet.pools[index].metadata.name == "p1" {
                let path = fleet.pools[index].spec.folder
                fleet.pools[index].spec = .init(.nfs(.init(server: "nas.example", export: "/srv", path: path)))
            }
            return fleet
        }
        let first = make(0)
        var simulator = Simulator.empty(first)
        let then = PlanOptions(allowance: .dataLoss, now: RandomFleet.now(0))
        // An export is mounted first.
        for _ in 0..<(Self.hasExport(seed) ? 2 : 1) {
            try simulator.apply(Planner.plan(first, observed: simulator.observation(first), options: then))
        }
        simulator.hosts["h0"]?.disturb(&random, identity: identity)
        let next = random.chance(50) ? first : make(1)
        var seen = try #require(simulator.observation(next)["h0"])
        if isBlind { seen.hide(&random) }
        return (simulator, seen, next)
    }

    private static func hasExport(_ seed: UInt64) -> Bool { seed.isMultiple(of: 3) }

    /// What can be done is done in an order that works, in two runs at most: a pool that comes back brings its files into
    /// sight. What is left is told, and a snapshot of a machine that has lost a disk is taken in the run after the one that gives
    /// the disk up.
    @Test(arguments: seeds) func whatCanBeDoneIsDone(seed: UInt64) throws {
        var (simulator, _, manifest) = try scene(seed, isBlind: false)
        func plan() -> Plan {
            Planner.plan(manifest, observed: simulator.observation(manifest), options: everything)
        }
        var blocked: Set<ResourceID> = []
        for _ in 0..<(Self.hasExport(seed) ? 3 : 2) {
            let plan = plan()
            blocked = Set(plan.blocked.map(\.resource))
            try simulator.apply(plan)
        }
        var last = plan()
        if last.steps.allSatisfy({ $0.resource.kind == .snapshot && blocked.contains($0.resource) }) {
            try simulator.apply(last)
            last = plan()
        }
        #expect(last.steps.isEmpty && last.deferred.isEmpty, "\(PlanText().render(last))")
    }

    /// No volume goes whose mark does not say so, none is made where a machine has lost its disk, and what is saved stays
    /// as it is.
    @Test(arguments: seeds) func nothingIsLost(seed: UInt64) throws {
        var (simulator, seen, manifest) = try scene(seed, isBlind: false)
        // What snapshots keep goes by their own rules.
        let kept = seen.volumes.filter { $0.status?.mark?.deletion == .retain && $0.status?.mark?.part == nil }.map(
            \.metadata.identity)
        let plan = Planner.plan(manifest, observed: simulator.observation(manifest), options: everything)
        // Nothing is made in an export that is not mounted.
        let mounted = Set(seen.pools.map(\.metadata.identity))
        for volume in plan.steps.compactMap(\.operation.madeVolume) where Self.hasExport(seed) {
            #expect(volume.spec.pool != "p1" || mounted.contains("p1"), "\(volume.metadata.identity)")
        }
        let there = Set(seen.volumes.filter { $0.status?.staged != true }.compactMap(\.status?.path))
        let lost = Set(seen.machines.flatMap { $0.spec.disks.compactMap(\.path) }).subtracting(there)
        let saved = Set(seen.machines.filter { $0.status?.state == .saved }.map(\.metadata.identity))
        for step in plan.steps {
            switch step.operation {
            case .createVolume(let volume): #expect(!lost.contains(volume.status?.path ?? ""), "\(step.id)")
            case .updateMachine(let machine), .undefineMachine(let machine):
                #expect(!saved.contains(machine.metadata.identity), "\(step.id)")
            case .removeVolume(let volume), .growVolume(let volume):
                let users = seen.machines.filter { $0.spec.disks.contains { $0.path == volume.status?.path } }
                #expect(saved.isDisjoint(with: users.map(\.metadata.identity)), "\(step.id)")
            default: break
            }
        }
        try simulator.apply(plan)
        let now = Set(simulator.hosts["h0"]?.volumes.map(\.metadata.identity) ?? [])
        #expect(now.isSuperset(of: kept))
    }

    /// What was not seen is not made, removed or changed; what was done is right for the host as it is.
    @Test(arguments: seeds) func whatIsUnknownStays(seed: UInt64) throws {
        var (simulator, seen, manifest) = try scene(seed, isBlind: true)
        let plan = Planner.plan(manifest, observed: ["h0": seen], options: everything)
        try #require(plan.problems.isEmpty, "\(plan.problems)")
        let truth = try #require(simulator.hosts["h0"])
        for step in plan.steps {
            for area in seen.unknown {
                #expect(!area.covers(step), "\(step.id): \(area)")
            }
        }
        for step in plan.steps { try simulator.apply(step) }
        let now = try #require(simulator.hosts["h0"])
        #expect(seen.isUnknown ? now == truth : true)
    }
}

extension UnknownArea {
    /// Whether it hides what the step is about.
    fileprivate func covers(_ step: Step) -> Bool {
        if let resource { return step.resource == resource }
        return switch area {
        case .host: true
        case .compute: step.resource.kind == .virtualMachine
        case .storage: [.storagePool, .volume, .image].contains(step.resource.kind)
        case .network: step.resource.kind == .network
        case .firewall: step.resource.kind == .host && !step.isOfRouting
        case .routing: step.isOfRouting
        }
    }
}

extension Planning.Operation {
    /// The volume that it makes a file for.
    fileprivate var madeVolume: Volume? {
        switch self {
        case .createVolume(let volume), .copyWithin(let volume, _, _, _), .cloneVolume(let volume, _, _, _),
            .copyVolume(let volume, _):
            volume
        default: nil
        }
    }
}

extension Step {
    fileprivate var isOfRouting: Bool {
        switch operation {
        case .writeRouting, .removeRouting: true
        default: false
        }
    }
}
