import Model
import Planning
import Testing

/// Where machines go and stay, one rule at a time, with the words in which it is told.
@Suite struct PlacementTests {
    /// Three hosts of 8 processors and 16 GiB, on which nothing is.
    static func fleet(_ machines: [VirtualMachine], hosts: [String] = ["a", "b", "c"]) -> FleetManifest {
        FleetManifest(
            fleet: RandomFleet.fleet,
            hosts: hosts.map {
                KVMHost(
                    metadata: Metadata(name: $0, labels: ["rack": $0]),
                    spec: .init(underlay: .init(address: IPAddress(ipv4: 192, 0, 2, UInt8($0.utf8.first ?? 1)))))
            },
            pools: [StoragePool(metadata: Metadata(name: "disks"), spec: .init(path: "/var/lib/infra/disks"))],
            machines: machines)
    }

    static func observed(_ manifest: FleetManifest) -> [String: HostInventory] {
        var observed = Simulator.empty(manifest).observation(manifest)
        for host in manifest.hosts.map(\.metadata.identity) {
            observed[host]?.host.status?.cpu = 8
            observed[host]?.host.status?.memory = .gibibytes(16)
        }
        return observed
    }

    static func machine(
        _ name: String, cpu: Int = 1, memory: UInt64 = 1, host: String? = nil, labels: [String: String] = [:],
        disk: UInt64? = nil, placement: VirtualMachine.Placement = .init()
    ) -> VirtualMachine {
        var spec = VirtualMachine.Spec(
            host: host, placement: placement, cpu: .init(count: cpu), memory: .init(size: .gibibytes(memory)))
        if let disk {
            spec.disks = [.init(name: "root", volume: nil, declared: .init(pool: "disks", size: .gibibytes(disk)))]
        }
        return VirtualMachine(metadata: Metadata(name: name, labels: labels), spec: spec)
    }

    /// The fleet as it is after its first plan.
    static func applied(_ manifest: FleetManifest) throws -> [String: HostInventory] {
        var simulator = Simulator(observed(manifest))
        try simulator.apply(Planner.plan(manifest, observed: simulator.observation(manifest)))
        return simulator.observation(manifest)
    }

    static func reasons(_ plan: Plan) -> [String] { plan.blocked.map { "\($0.place): \($0.reason)" } }

    @Test func spreadingFillsHostsEvenlyAndPackingOneAfterTheOther() {
        var manifest = Self.fleet((0..<6).map { Self.machine("m\($0)", memory: 4) })
        let spread = Placement(manifest, observed: Self.observed(manifest)).hosts
        #expect(Dictionary(grouping: spread.values) { $0 }.mapValues(\.count) == ["a": 2, "b": 2, "c": 2])
        manifest.fleet.placement = .pack
        let packed = Placement(manifest, observed: Self.observed(manifest)).hosts
        #expect(Dictionary(grouping: packed.values) { $0 }.mapValues(\.count) == ["a": 4, "b": 2])
    }

    @Test func labelsDecideWhoIsBesideWhom() {
        let manifest = Self.fleet([
            Self.machine("db-1", labels: ["app": "db"], placement: .init(antiAffinity: [["app": "db"]])),
            Self.machine("db-2", labels: ["app": "db"], placement: .init(antiAffinity: [["app": "db"]])),
            Self.machine("db-3", labels: ["app": "db"], placement: .init(antiAffinity: [["app": "db"]])),
            Self.machine("web", labels: ["app": "web"], placement: .init(hostSelector: ["rack": "b"])),
            Self.machine("cache", placement: .init(affinity: [["app": "web"]])),
        ])
        let hosts = Placement(manifest, observed: Self.observed(manifest)).hosts
        #expect(Set([hosts["db-1"], hosts["db-2"], hosts["db-3"]]).count == 3)
        #expect(hosts["web"] == "b")
        #expect(hosts["cache"] == "b")
    }

    @Test func whenNothingFitsEachHostSaysWhatItLacks() {
        var manifest = Self.fleet([
            Self.machine("big", cpu: 9, memory: 17), Self.machine("one", cpu: 8, memory: 2, host: "b"),
            Self.machine(
                "wide", cpu: 2, memory: 20, disk: 50, placement: .init(hostSelector: ["rack": "b"])),
        ])
        manifest.hosts[2].spec.maintenance = true
        let problems = Placement(manifest, observed: Self.observed(manifest)).problems
        #expect(
            problems.map(\.message) == [
                "no host can take 9 CPU, 17GiB of memory: "
                    + "a: 1 CPU missing (8 of 8 free), 1GiB of memory missing (16GiB of 16GiB free); "
                    + "b: 9 CPU missing (0 of 8 free), 3GiB of memory missing (14GiB of 16GiB free); c: in maintenance",
                "no host can take 2 CPU, 20GiB of memory, 50GiB in StoragePool/disks: a: has no label rack: b; "
                    + "b: 2 CPU missing (0 of 8 free), 6GiB of memory missing (14GiB of 16GiB free); "
                    + "c: in maintenance, has no label rack: b",
            ])
    }

    @Test func manyHostsAreToldInSum() {
        let names = (0..<20).map { "h\($0 + 10)" }
        var manifest = Self.fleet([Self.machine("big", memory: 20)], hosts: names)
        for index in 0..<5 { manifest.hosts[index].spec.maintenance = true }
        var observed = Self.observed(manifest)
        observed["h17"]?.host.status?.memory = .gibibytes(18)
        #expect(
            Placement(manifest, observed: observed).problems.map(\.message) == [
                "none of 20 hosts can take 1 CPU, 20GiB of memory: 15 short of memory, least on h17: "
                    + "2GiB of memory missing (18GiB of 18GiB free); 5 in maintenance"
            ])
    }

    @Test func aMachineThatWasSeenNowhereWaitsForEveryHost() throws {
        let manifest = Self.fleet([Self.machine("m0"), Self.machine("m1", host: "a")])
        var observed = Self.observed(manifest)
        observed["b"] = HostInventory(
            host: manifest.hosts[1], unknown: [UnknownArea(.host, reason: "ssh: no answer within 30 s")])
        let plan = Planner.plan(manifest, observed: observed)
        #expect(plan.steps.allSatisfy { $0.resource.kind != .virtualMachine })
        let reasons = Self.reasons(plan)
        #expect(
            reasons.contains(
                "VirtualMachine/m0 on b: host b unknown, and it may be there: ssh: no answer within 30 s"))
        #expect(
            reasons.contains(
                "VirtualMachine/m1 on b: host b unknown, and it may be there: ssh: no answer within 30 s"))
        #expect(plan.problems.isEmpty)
    }

    @Test func whatIsSomewhereGoesOnWhileAnotherHostIsUnknown() throws {
        var manifest = Self.fleet([Self.machine("m0", host: "a"), Self.machine("m1", host: "b")])
        var observed = try Self.applied(manifest)
        observed["b"] = nil
        manifest.machines[0].spec.autostart = false
        let plan = Planner.plan(manifest, observed: observed)
        #expect(plan.steps.map(\.id) == ["a/VirtualMachine/m0/update"])
        #expect(Self.reasons(plan).contains { $0.hasPrefix("VirtualMachine/m1 on b: could not be observed") })
    }

    @Test func aHostThatIsSaidToBeOffKeepsWhatItHadAndHoldsUpNothing() throws {
        var manifest = Self.fleet([Self.machine("m0"), Self.machine("m1"), Self.machine("m2", host: "b")])
        manifest.hosts[1].spec.offline = true
        var observed = Self.observed(manifest)
        observed["b"] = HostInventory(
            host: manifest.hosts[1], unknown: [UnknownArea(.host, reason: "off")], lastSeen: ["m1"])
        let plan = Planner.plan(manifest, observed: observed)
        #expect(plan.blocked.isEmpty && plan.problems.isEmpty)
        #expect(Set(plan.steps.filter { $0.resource.kind == .virtualMachine }.map(\.resource.id)) == ["m0"])
        #expect(plan.steps.allSatisfy { $0.host != "b" })
        #expect(
            plan.notes.map(\.message) == [
                "is said to be off: nothing is done there, and 2 of the machines stay there: m1, m2"
            ])
        // Nobody remembers what was there: then nobody knows what is new.
        observed["b"]?.lastSeen = nil
        #expect(
            Self.reasons(Planner.plan(manifest, observed: observed)) == [
                "VirtualMachine/m0 on b: host b is off, and nobody remembers what was there",
                "VirtualMachine/m1 on b: host b is off, and nobody remembers what was there",
            ])
    }

    @Test func aHostThatLeftTheManifestsKeepsItsMachines() throws {
        var manifest = Self.fleet([Self.machine("m0", disk: 1), Self.machine("m1")])
        var observed = try Self.applied(manifest)
        let host = try #require(observed.values.first { $0.machines.contains { $0.metadata.name == "m0" } })
        let gone = host.host.metadata.identity
        manifest.hosts.removeAll { $0.metadata.identity == gone }
        #expect(
            Self.reasons(Planner.plan(manifest, observed: observed)) == [
                "VirtualMachine/m0 on \(gone): is on host \(gone), which no manifest declares any more; declare it again, "
                    + "or remove the machine there"
            ])
        // It does not answer, and the others remember that it was one of them.
        observed[gone] = HostInventory(host: host.host, unknown: [UnknownArea(.host, reason: "in no manifest")])
        let plan = Planner.plan(manifest, observed: observed)
        #expect(
            Self.reasons(plan) == [
                "VirtualMachine/m0 on \(gone): host \(gone), which no manifest declares any more, unknown, "
                    + "and it may be there: in no manifest", "Host/\(gone) on \(gone): in no manifest",
            ])
        #expect(plan.steps.isEmpty && plan.problems.isEmpty)
        // What the others remember is told more exactly.
        observed[gone]?.lastSeen = ["m0"]
        #expect(
            Self.reasons(Planner.plan(manifest, observed: observed)).first
                == "VirtualMachine/m0 on \(gone): was last seen on host \(gone), which does not answer, "
                + "and is made nowhere else")
    }

    @Test func twoCopiesAreLeftAsTheyAre() throws {
        let manifest = Self.fleet([Self.machine("m0", disk: 1)])
        var observed = try Self.applied(manifest)
        var copy = try #require(observed["a"])
        copy.host = try #require(observed["b"]).host
        copy.host.status?.uuid = RandomFleet.fleet.uuid
        observed["b"] = copy
        let plan = Planner.plan(manifest, observed: observed, options: PlanOptions(allowance: .dataLoss))
        #expect(plan.steps.filter { $0.resource.kind != .storagePool }.isEmpty, "\(plan.steps.map(\.id))")
        let reason = "is on hosts a and b, and may be on one only; undefine it where it does not belong"
        #expect(Self.reasons(plan).contains("VirtualMachine/m0 on a: \(reason)"))
        #expect(Self.reasons(plan).contains("VirtualMachine/m0 on b: \(reason)"))
    }

    @Test func dataDecidesWhereAMachineComesBack() throws {
        var manifest = Self.fleet([Self.machine("m0", host: "b", disk: 1)])
        var observed = try Self.applied(manifest)
        observed["b"]?.machines = []
        manifest.machines[0].spec.host = nil
        #expect(Placement(manifest, observed: observed).hosts == ["m0": "b"])
        let volumes = observed["b"]?.volumes ?? []
        observed["a"]?.volumes = volumes
        let plan = Planner.plan(manifest, observed: observed)
        #expect(Self.reasons(plan).contains("VirtualMachine/m0: its volumes are on hosts a and b"))
        #expect(plan.steps.isEmpty, "\(plan.steps.map(\.id))")
    }

    @Test func aHostInMaintenanceTakesNothingNew() throws {
        var manifest = Self.fleet([Self.machine("m0", host: "a"), Self.machine("m1")])
        manifest.hosts[0].spec.maintenance = true
        let plan = Planner.plan(manifest, observed: Self.observed(manifest))
        #expect(Self.reasons(plan) == ["VirtualMachine/m0 on a: host a is in maintenance and takes no new machine"])
        #expect(plan.steps.contains { $0.id == "b/VirtualMachine/m1/define" })
    }

    /// What fits elsewhere moves, and what does not says why.
    @Test func whatIsOnAHostInMaintenanceMoves() throws {
        var manifest = Self.fleet([
            Self.machine("m0", memory: 12, host: "a"), Self.machine("m1", memory: 3, host: "a"),
            Self.machine("m2", memory: 8, host: "b"), Self.machine("m3", memory: 8, host: "c"),
            Self.machine("m4", memory: 1, host: "a"),
        ])
        let observed = try Self.applied(manifest)
        for index in 0..<4 { manifest.machines[index].spec.host = nil }
        manifest.hosts[0].spec.maintenance = true
        let plan = Planner.plan(manifest, observed: observed)
        #expect(plan.steps.map(\.id) == ["b/VirtualMachine/m1/migrate"], "\(plan.steps.map(\.id))")
        #expect(
            plan.notes.map(\.message) == [
                "is on host a, which is in maintenance, and stays: no host can take it: "
                    + "b: 4GiB of memory missing (8GiB of 16GiB free); c: 4GiB of memory missing (8GiB of 16GiB free)",
                "is on host a, which is in maintenance, and stays: its manifest names host a",
            ])
        let placement = Placement(manifest, observed: observed)
        #expect(placement.hosts["m1"] == "b" && placement.hosts["m0"] == "a")
    }

    /// A machine that leaves makes room only where its removal is allowed.
    @Test func whatLeavesKeepsItsRoomUntilItIsGone() throws {
        var manifest = Self.fleet([Self.machine("old", memory: 12)], hosts: ["a"])
        let observed = try Self.applied(manifest)
        manifest.machines = [Self.machine("new", memory: 12)]
        #expect(Planner.plan(manifest, observed: observed).problems.map(\.code) == ["no-host"])
        let plan = Planner.plan(manifest, observed: observed, options: PlanOptions(allowance: .stop))
        #expect(plan.problems.isEmpty, "\(plan.problems)")
    }

    @Test func aLostHostIsAskedAbout() throws {
        let manifest = Self.fleet([
            Self.machine("m0", memory: 8, host: "a", disk: 1), Self.machine("m1", memory: 8),
            Self.machine("m2", memory: 8), Self.machine("m3", memory: 8),
        ])
        let observed = try Self.applied(manifest)
        let host = try #require(Placement(manifest, observed: observed).hosts["m1"])
        let loss = HostLoss(of: host, manifest, observed: observed)
        #expect(loss.machines == ["m1"])
        #expect(loss.isSurvived)
        let bound = HostLoss(of: "a", manifest, observed: observed)
        #expect(bound.bound == ["m0"] && bound.withData == ["m0"] && !bound.isSurvived)
        let report = CapacityReport(manifest, observed: observed)
        #expect(report.fits && report.placed.isEmpty)
        #expect(report.sums.first { $0.measure == .memory }?.free == ByteCount.gibibytes(16).bytes)
    }
}
