import Model
import Planning
import TestSupport
import Testing

/// Logical units that host a makes for machines of hosts b and c.
@Suite struct ManagedUnitTests {
    private static let target = "iqn.2026-01.example:disks"
    private static let everything = PlanOptions(allowance: .dataLoss)
    private static let folder = "/var/lib/infra/units"

    private static func fleet(
        _ volumes: [String] = ["data"], size: UInt64 = 1, deletion: Deletion = .retain,
        power: VirtualMachine.Power = .running
    ) -> FleetManifest {
        var user = PlacementTests.machine("m0", host: "b")
        user.spec.power = power
        user.spec.disks = volumes.map { VirtualMachine.Disk(name: $0, volume: $0) }
        var manifest = PlacementTests.fleet([user])
        let iscsi = StoragePool.ISCSI(
            portal: "a.example", target: target, manage: .init(host: "a", directory: folder))
        manifest.pools.append(
            StoragePool(metadata: Metadata(name: "san"), spec: .init(hosts: ["b", "c"], .iscsi(iscsi))))
        manifest.volumes = volumes.map {
            let spec = Volume.Spec(
                pool: "san", size: .gibibytes(size), clone: .full, format: .raw, deletion: deletion)
            return Volume(metadata: Metadata(name: $0), spec: spec)
        }
        return manifest
    }

    private static func simulator(_ manifest: FleetManifest, units: [Int] = []) -> Simulator {
        var simulator = Simulator(PlacementTests.observed(manifest))
        simulator.hosts["a"]?.targets = [
            ISCSITarget(
                name: target, units: units.map { ISCSITarget.Unit(number: $0, path: "/srv/by-hand-\($0)") })
        ]
        return simulator
    }

    private static func plan(
        _ manifest: FleetManifest, _ simulator: Simulator, _ options: PlanOptions = everything
    ) -> Plan { Planner.plan(manifest, observed: simulator.observation(manifest), options: options) }

    private static func applied(_ manifest: FleetManifest, units: [Int] = []) throws -> Simulator {
        var simulator = simulator(manifest, units: units)
        let plan = plan(manifest, simulator)
        try #require(plan.blocked.isEmpty && plan.problems.isEmpty, "\(PlanText().render(plan))")
        try simulator.apply(plan)
        return simulator
    }

    private static func paths(_ simulator: Simulator) -> [String?] {
        simulator.hosts["b"]?.machines.first?.spec.disks.map(\.path) ?? []
    }

    private static func unit(_ number: Int) -> String { "iscsi://a.example:3260/\(target)/\(number)" }

    /// What is there by hand stays, and its numbers are left out. A number never changes.
    @Test func aUnitIsMadeWithTheNextNumber() throws {
        let manifest = Self.fleet(["data", "more"])
        var simulator = Self.simulator(manifest, units: [1, 3])
        let plan = Self.plan(manifest, simulator)
        let steps = plan.steps.map(\.id)
        for volume in ["data", "more"] {
            let order = [
                "a/StoragePool/san/create", "a/Volume/\(volume)/create", "a/Volume/\(volume)/map",
                "b/VirtualMachine/m0/start",
            ].map { steps.firstIndex(of: $0) ?? -1 }
            #expect(order.first != -1 && order == order.sorted(), "\(steps)")
        }
        try simulator.apply(plan)
        #expect(Self.paths(simulator) == [Self.unit(2), Self.unit(4)])
        let units = try #require(simulator.hosts["a"]?.targets.first?.units)
        #expect(units.map(\.number) == [1, 2, 3, 4])
        #expect(units.filter { $0.path.hasPrefix("/srv/") }.map(\.number) == [1, 3])
        #expect(Self.plan(manifest, simulator).isEmpty, "\(PlanText().render(Self.plan(manifest, simulator)))")
        simulator.hosts["a"]?.targets[0].units.removeAll { $0.number == 1 }
        #expect(Self.plan(manifest, simulator).isEmpty)
        // Nor when one goes that was before it.
        let less = Self.fleet(["more"])
        try simulator.apply(Self.plan(less, simulator))
        try simulator.apply(Self.plan(less, simulator))
        #expect(Self.paths(simulator) == [Self.unit(4)] && Self.plan(less, simulator).isEmpty)
    }

    /// What a server forgets when it starts anew is told to it again; nothing else is done.
    @Test func aServerThatStartedAnewGetsItsUnitsBack() throws {
        let manifest = Self.fleet()
        var simulator = try Self.applied(manifest)
        simulator.hosts["a"]?.targets[0].units = []
        let again = Self.plan(manifest, simulator)
        #expect(again.steps.map(\.id) == ["a/Volume/data/map"], "\(PlanText().render(again))")
        try simulator.apply(again)
        #expect(Self.plan(manifest, simulator).isEmpty)
        // Without its target, or with another unit of that number, nothing is done, and whoever needs it waits.
        for units in [nil, [ISCSITarget.Unit(number: 1, path: "/srv/other")]] {
            var odd = simulator
            odd.hosts["a"]?.targets = units.map { [ISCSITarget(name: Self.target, units: $0)] } ?? []
            let held = Self.plan(manifest, odd)
            #expect(
                held.steps.isEmpty && held.blocked.contains { $0.resource.id == "m0" }, "\(PlanText().render(held))")
        }
    }

    @Test(arguments: [Deletion.retain, .delete]) func aUnitGoesOnceNobodyHasIt(deletion: Deletion) throws {
        let manifest = Self.fleet(deletion: deletion)
        var simulator = try Self.applied(manifest, units: [7])
        var gone = manifest
        gone.machines = []
        gone.volumes = []
        // What is to be deleted stays until that is allowed.
        let careful = Self.plan(gone, simulator, PlanOptions(allowance: .stop))
        #expect(careful.steps.contains { $0.resource.id == "data" } == (deletion == .retain))
        let plan = Self.plan(gone, simulator)
        let last = deletion == .retain ? "mark" : "remove"
        #expect(
            Array(plan.steps.map(\.id).suffix(2)) == ["a/Volume/data/unmap", "a/Volume/data/\(last)"],
            "\(PlanText().render(plan))")
        try simulator.apply(plan)
        #expect(Self.plan(gone, simulator).isEmpty)
        #expect(simulator.hosts["a"]?.targets.first?.units.map(\.number) == [7])
        #expect(simulator.hosts["a"]?.volumes.map { $0.status?.mark?.retained } == (deletion == .retain ? [true] : []))
    }

    @Test func aUnitStaysWithWhoeverHasIt() throws {
        let manifest = Self.fleet(deletion: .delete)
        let simulator = try Self.applied(manifest)
        var gone = manifest
        gone.machines = []
        gone.volumes = []
        // The machine may not be stopped in this run, is protected, or a host is silent that could have another user.
        let deferred = Self.plan(gone, simulator, PlanOptions(allowance: .live))
        #expect(deferred.steps.isEmpty, "\(PlanText().render(deferred))")
        var busy = simulator
        busy.hosts["b"]?.machines[0].status?.state = .saved
        let saved = Self.plan(gone, busy)
        #expect(!saved.steps.contains { $0.resource.id == "data" }, "\(PlanText().render(saved))")
        #expect(saved.blocked.contains { $0.resource.id == "data" }, "\(PlanText().render(saved))")
        // The same where what is deleted stays for a while, of a unit that its target has forgotten.
        busy.hosts["a"]?.targets[0].units = []
        var staying = gone
        staying.fleet.deletedVolumes = .init(keepFor: 60)
        var options = Self.everything
        options.now = Moment(seconds: 1_800_000_000)
        let forgotten = Self.plan(staying, busy, options)
        #expect(!forgotten.steps.contains { $0.resource.id == "data" }, "\(PlanText().render(forgotten))")
        var observed = simulator.observation(gone)
        observed["c"] = observed["c"].map {
            HostInventory(host: $0.host, unknown: [UnknownArea(.host, reason: "silent")])
        }
        let silent = Planner.plan(gone, observed: observed, options: Self.everything)
        #expect(!silent.steps.contains { $0.resource.id == "data" }, "\(PlanText().render(silent))")
    }

    @Test func aUnitGrowsWhileItsMachineIsOff() throws {
        var simulator = try Self.applied(Self.fleet())
        let larger = Self.fleet(size: 2)
        let running = Self.plan(larger, simulator)
        #expect(running.steps.isEmpty, "\(PlanText().render(running))")
        #expect(PlacementTests.reasons(running).contains { $0.contains("VirtualMachine/m0 is off") })
        simulator.hosts["b"]?.machines[0].status?.state = .off
        let off = Self.plan(larger, simulator)
        #expect(
            off.steps.map(\.id) == [
                "a/Volume/data/unmap", "a/Volume/data/grow", "a/Volume/data/map", "b/VirtualMachine/m0/start",
            ], "\(PlanText().render(off))")
        // Cut off once its target has it no more, it is given back as it is while a host is silent.
        var cut = simulator
        try cut.apply(try #require(off.steps.first))
        var observed = cut.observation(larger)
        observed["c"] = observed["c"].map {
            HostInventory(host: $0.host, unknown: [UnknownArea(.host, reason: "silent")])
        }
        let back = Planner.plan(larger, observed: observed, options: Self.everything)
        #expect(back.steps.map(\.id).contains("a/Volume/data/map"), "\(PlanText().render(back))")
        #expect(!back.steps.map(\.id).contains("a/Volume/data/grow"), "\(PlanText().render(back))")
        try simulator.apply(off)
        #expect(Self.plan(larger, simulator).isEmpty)
        #expect(simulator.hosts["a"]?.volumes.first?.spec.size == .gibibytes(2))
    }

    @Test func whatIsNotSeenIsNotMadeAnew() throws {
        let manifest = Self.fleet()
        let simulator = try Self.applied(manifest)
        var observed = simulator.observation(manifest)
        observed["a"]?.unknown = [
            UnknownArea(.storage, resource: ResourceID(.storagePool, "san"), reason: "tgtd does not answer")
        ]
        var moved = manifest
        moved.machines[0].spec.host = "c"
        let unknown = Planner.plan(moved, observed: observed, options: Self.everything)
        #expect(unknown.steps.isEmpty && !unknown.blocked.isEmpty, "\(PlanText().render(unknown))")
        // A file that is gone under its machine.
        var lost = simulator
        lost.hosts["a"]?.volumes = []
        let held = Self.plan(manifest, lost)
        #expect(held.steps.isEmpty, "\(PlanText().render(held))")
        #expect(PlacementTests.reasons(held).contains { $0.contains("is gone") })
        // Another pool, or another host that makes them.
        var elsewhere = manifest
        elsewhere.volumes[0].spec.pool = "disks"
        var other = manifest
        other.pools[1].spec.backend = .iscsi(
            .init(portal: "a.example", target: Self.target, manage: .init(host: "c", directory: Self.folder)))
        other.pools[1].spec.hosts = ["b"]
        for changed in [elsewhere, other] {
            let plan = Self.plan(changed, simulator)
            #expect(!plan.steps.contains { $0.resource.kind == .volume }, "\(PlanText().render(plan))")
            #expect(!plan.steps.contains { $0.resource.id == "san" }, "\(PlanText().render(plan))")
            #expect(plan.blocked.contains { $0.resource.id == "data" }, "\(PlanText().render(plan))")
        }
    }

    /// A machine moves with its unit, as it runs.
    @Test func aMachineMovesWithItsUnit() throws {
        var manifest = Self.fleet()
        var simulator = try Self.applied(manifest)
        manifest.machines[0].spec.host = "c"
        let plan = Self.plan(manifest, simulator)
        #expect(plan.steps.map(\.id) == ["c/VirtualMachine/m0/migrate"], "\(PlanText().render(plan))")
        try simulator.apply(plan)
        #expect(Self.plan(manifest, simulator).isEmpty)
    }

    /// Cut off after any step, the next run ends where this one would have.
    @Test func whatIsCutOffIsFinished() throws {
        let first = Self.fleet(["data", "more"])
        var gone = first
        gone.machines = []
        gone.volumes = []
        let larger = Self.fleet(["data", "more"], size: 2, power: .stopped)
        let ways: [(FleetManifest?, FleetManifest)] = [(nil, first), (first, larger), (first, gone)]
        for (before, after) in ways {
            var start = Self.simulator(first, units: [1])
            if let before { try start.apply(Self.plan(before, start)) }
            start = try Self.settled(start, before ?? first, rounds: before == nil ? 0 : 3)
            if after.machines.first?.spec.power == .stopped { start.hosts["b"]?.machines[0].status?.state = .off }
            let plan = Self.plan(after, start)
            try #require(!plan.steps.isEmpty, "\(PlanText().render(plan))")
            for count in 0...plan.steps.count {
                var simulator = start
                for step in plan.steps.prefix(count) { try simulator.apply(step) }
                _ = try Self.settled(simulator, after, rounds: 3)
            }
        }
    }

    private static func settled(_ start: Simulator, _ manifest: FleetManifest, rounds: Int) throws -> Simulator {
        guard rounds > 0 else { return start }
        var simulator = start
        for _ in 0..<rounds { try simulator.apply(plan(manifest, simulator)) }
        let left = plan(manifest, simulator)
        #expect(left.isEmpty && left.blocked.isEmpty, "\(PlanText().render(left))")
        return simulator
    }
}
