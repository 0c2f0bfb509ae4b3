import Model
import Planning
import Testing

/// Disks that go from a machine that runs to another one: two guests never write to one disk.
@Suite struct DisksInUseTests {
    private static let host = KVMHost(
        metadata: Metadata(name: "a"), spec: .init(underlay: .init(address: IPAddress(ipv4: 192, 0, 2, 1))))

    /// A fleet of one host with machines and the volumes that they have as disks.
    private func fleet(_ machines: [String: [String]], _ volumes: [String: String]) -> FleetManifest {
        FleetManifest(
            fleet: RandomFleet.fleet, hosts: [Self.host],
            pools: ["p0", "p1"].map {
                StoragePool(metadata: Metadata(name: $0), spec: .init(path: "/var/lib/infra/\($0)"))
            },
            volumes: volumes.sorted { $0.key < $1.key }.map { name, pool in
                Volume(metadata: Metadata(name: name), spec: .init(pool: pool, size: .gibibytes(1)))
            },
            machines: machines.sorted { $0.key < $1.key }.map { name, disks in
                var spec = VirtualMachine.Spec(cpu: .init(count: 1), memory: .init(size: .mebibytes(128)))
                spec.disks = disks.map { .init(name: $0, volume: $0) }
                return VirtualMachine(metadata: Metadata(name: name), spec: spec)
            })
    }

    private func plan(_ manifest: FleetManifest, _ simulator: Simulator, _ allowance: Disruption) -> Plan {
        Planner.plan(manifest, observed: simulator.observation(manifest), options: PlanOptions(allowance: allowance))
    }

    private func simulator(_ manifest: FleetManifest) throws -> Simulator {
        var simulator = Simulator.empty(manifest)
        try simulator.apply(plan(manifest, simulator, .dataLoss))
        return simulator
    }

    /// The other one stays as it is, or has to be restarted or stopped first.
    @Test(arguments: [true, false]) func aStartWaitsForWhoRunsWithTheDisk(stays: Bool) throws {
        let volumes = ["data": "p0"]
        var simulator = try simulator(fleet(["old": ["data"]], volumes))
        let manifest = fleet(stays ? ["new": ["data"], "old": []] : ["new": ["data"]], volumes)
        let first = plan(manifest, simulator, .live)
        #expect(first.deferred.contains { $0.id == "a/VirtualMachine/new/start" }, "\(PlanText().render(first))")
        try simulator.apply(first)
        #expect(plan(manifest, simulator, .live).isEmpty)
        let second = plan(manifest, simulator, .stop)
        let release = "a/VirtualMachine/old/\(stays ? "restart" : "stop")"
        #expect(second.steps.first { $0.id == "a/VirtualMachine/new/start" }?.after.contains(release) == true)
        try simulator.apply(second)
        #expect(plan(manifest, simulator, .stop).isEmpty)
    }

    /// Its owner restarts it: until then nobody else starts with its disk.
    @Test func whoGoesOnWithADiskIsTold() throws {
        let volumes = ["data": "p0"]
        let simulator = try simulator(fleet(["old": ["data"]], volumes))
        var manifest = fleet(["new": ["data"], "old": []], volumes)
        manifest.machines[1].spec.power = .manual
        let plan = plan(manifest, simulator, .stop)
        #expect(!plan.steps.contains { $0.resource.id == "new" && $0.resource.kind == .virtualMachine })
        #expect(plan.blocked.first?.reason.hasPrefix("VirtualMachine/old runs with its disk ") == true)
    }

    /// Neither of two that exchange disks can start first, be it by way of a third.
    @Test(arguments: [2, 3]) func whoRunsExchangesNoDisks(count: Int) throws {
        let names = ["m0", "m1", "m2"].prefix(count)
        let disks = ["v0", "v1", "v2"].prefix(count)
        let volumes = Dictionary(uniqueKeysWithValues: disks.map { ($0, "p0") })
        let before = fleet(Dictionary(uniqueKeysWithValues: zip(names, disks.map { [$0] })), volumes)
        let turned = Array(disks.dropFirst()) + disks.prefix(1)
        var manifest = fleet(Dictionary(uniqueKeysWithValues: zip(names, turned.map { [$0] })), volumes)
        var simulator = try simulator(before)
        let exchange = plan(manifest, simulator, .stop)
        #expect(exchange.problems.isEmpty && exchange.steps.isEmpty)
        #expect(exchange.blocked.contains { $0.reason.hasSuffix("stop one of them first") })
        // Once one is off all of them can.
        manifest.machines[0].spec.power = .stopped
        try simulator.apply(plan(manifest, simulator, .stop))
        manifest.machines[0].spec.power = .running
        try simulator.apply(plan(manifest, simulator, .stop))
        let last = plan(manifest, simulator, .stop)
        #expect(last.isEmpty && last.blocked.isEmpty, "\(PlanText().render(last))")
    }

    /// One of which nothing could be read may have any volume that is no other machine's own: nobody starts with it, and it neither
    /// grows nor is copied. The rest goes on.
    @Test func whatMayBeInUseIsLeftAlone() throws {
        var simulator = try simulator(fleet(["old": ["data"]], ["data": "p0"]))
        var manifest = fleet(["new": ["data"], "old": [], "other": []], ["copy": "p0", "data": "p0"])
        manifest.volumes[0].spec.source = "data"
        manifest.volumes[0].spec.clone = .full
        for index in 0..<2 { manifest.volumes[index].spec.size = .gibibytes(2) }
        var seen = simulator.observation(manifest)
        seen["a"]?.machines = []
        let old = ResourceID(.virtualMachine, "old")
        seen["a"]?.unknown = [UnknownArea(.compute, resource: old, reason: "not understood")]
        let plan = Planner.plan(manifest, observed: seen, options: PlanOptions(allowance: .stop))
        #expect(
            plan.steps.map(\.id) == ["define", "start"].map { "a/VirtualMachine/other/\($0)" },
            "\(PlanText().render(plan))")
        let reason = "VirtualMachine/old may run with /var/lib/infra/p0/data."
        #expect(plan.blocked.contains { $0.resource.id == "data" && $0.reason.hasPrefix(reason) })
        try simulator.apply(plan)
        // It needs not grow: nobody starts with it all the same.
        manifest = fleet(["new": ["data"], "old": []], ["data": "p0"])
        let next = Planner.plan(manifest, observed: seen, options: PlanOptions(allowance: .stop))
        #expect(next.blocked.contains { $0.resource.id == "new" && $0.reason.hasPrefix(reason) })
        #expect(!next.steps.contains { $0.resource.id == "new" })
    }

    /// `v0` is a disk of `m1`, which gives it up when it next starts, but not now: it is to have `v2`, which `m0` keeps.
    @Test func whatIsNotGivenUpDoesNotMove() throws {
        let before = fleet(["m0": ["v2"], "m1": []], ["v0": "p1", "v2": "p0"])
        var simulator = try simulator(before)
        let given = fleet(["m0": ["v2"], "m1": ["v0"]], ["v0": "p1", "v2": "p0"])
        try simulator.apply(plan(given, simulator, .live))
        let index = try #require(simulator.hosts["a"]?.machines.firstIndex { $0.metadata.name == "m0" })
        simulator.hosts["a"]?.machines[index].status?.state = .saved
        let manifest = fleet(["m0": [], "m1": ["v2"]], ["v0": "p0", "v2": "p1"])
        let plan = plan(manifest, simulator, .live)
        #expect(!plan.steps.contains { $0.resource == ResourceID(.volume, "v0") }, "\(PlanText().render(plan))")
        try simulator.apply(plan)
    }
}
