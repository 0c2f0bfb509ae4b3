import Model
import Planning
import Testing

/// What a host that does not answer may have, or use, without anybody seeing it.
@Suite struct SilentHostTests {
    private let everything = PlanOptions(allowance: .dataLoss)
    private let data = Volume(metadata: Metadata(name: "data"), spec: Volume.Spec(pool: "disks", size: .gibibytes(1)))

    /// The same fleet after its host a fell silent, with the volumes that the others remember there.
    private func silent(
        _ manifest: FleetManifest, _ observed: [String: HostInventory], fenced: Bool, volumes: [String]?
    ) -> (FleetManifest, [String: HostInventory]) {
        var (manifest, observed) = (manifest, observed)
        if !fenced { manifest.hosts[0].spec.offline = true }
        observed["a"] = HostInventory(
            host: manifest.hosts[0], unknown: [UnknownArea(.host, reason: "no answer")], lastSeen: [],
            lastSeenVolumes: volumes, fence: fenced ? Fence(machines: [:]) : nil)
        return (manifest, observed)
    }

    /// The host that is off has it alone: an empty one elsewhere would be another volume of that name.
    @Test(arguments: [false, true]) func aVolumeOfAHostThatIsOffIsMadeNowhereElse(fenced: Bool) throws {
        var manifest = PlacementTests.fleet([])
        manifest.volumes = [data]
        let observed = try PlacementTests.applied(manifest)
        try #require(observed["a"]?.volumes.count == 1)
        func plan(_ volumes: [String]?) -> Plan {
            let (manifest, observed) = silent(manifest, observed, fenced: fenced, volumes: volumes)
            return Planner.plan(manifest, observed: observed, options: everything)
        }
        #expect(plan(["data"]).steps.isEmpty)
        #expect(
            PlacementTests.reasons(plan(["data"])) == [
                "Volume/data on a: was last seen on host a, which does not answer, and is made nowhere else"
            ])
        #expect(plan(nil).steps.isEmpty)
        #expect(
            PlacementTests.reasons(plan(nil)) == [
                "Volume/data on a: may be on host a, which is off, and nobody remembers the volumes that were there"
            ])
        #expect(plan([]).steps.map(\.id) == ["b/Volume/data/create"])
    }

    /// Neither for a machine that is new, nor for one that runs elsewhere and gets it.
    @Test(arguments: [false, true]) func neitherForAMachine(fenced: Bool) throws {
        var manifest = PlacementTests.fleet([PlacementTests.machine("m0", host: "b")])
        manifest.volumes = [data]
        let before = try PlacementTests.applied(manifest)
        try #require(before["a"]?.volumes.count == 1)
        var new = PlacementTests.machine("m1")
        new.spec.disks = [.init(name: "data", volume: "data")]
        var other = manifest
        other.machines.append(new)
        manifest.machines[0].spec.disks = [.init(name: "data", volume: "data")]
        for (wanted, volumes) in [(manifest, ["data"]), (other, ["data"]), (manifest, nil), (other, nil)] {
            let (manifest, observed) = silent(wanted, before, fenced: fenced, volumes: volumes)
            let plan = Planner.plan(manifest, observed: observed, options: everything)
            #expect(plan.steps.isEmpty, "\(plan.steps.map(\.id))")
            #expect(!plan.blocked.isEmpty)
        }
        // A machine that is new takes its own disk along, when the host has none of that name.
        var own = manifest
        own.volumes = []
        own.machines = [manifest.machines[0], PlacementTests.machine("m1", disk: 1)]
        own.machines[0].spec.disks = []
        for (volumes, isMade) in [([], true), (["m1.root"], false), (nil, !fenced)] as [([String]?, Bool)] {
            let (manifest, observed) = silent(own, before, fenced: fenced, volumes: volumes)
            let plan = Planner.plan(manifest, observed: observed, options: everything)
            #expect(
                plan.steps.contains { $0.resource == ResourceID(.volume, "m1.root") } == isMade, "\(plan.blocked)")
        }
    }

    /// How a host is silent.
    enum Silence: CaseIterable {
        case unknown, off, fenced
    }

    /// One machine on host a that is off, with a disk that host c reaches too, which is silent.
    private func off(_ silence: Silence) throws -> (FleetManifest, [String: HostInventory]) {
        var (manifest, observed, _) = try FenceTests.one("a")
        observed["a"]?.machines[0].status?.state = .off
        observed["a"]?.leases?.held = []
        observed["c"] = FenceTests.silent(observed["c"], fence: silence == .fenced ? [] : nil)
        if silence == .off { manifest.hosts[2].spec.offline = true }
        return (manifest, observed)
    }

    /// Nothing is written to a disk that a host which nobody sees may use, but under the machine that has its lease here.
    @Test(arguments: Silence.allCases) func aDiskThatMayBeInUseGrowsUnderItsMachineAlone(silence: Silence) throws {
        var (manifest, observed) = try off(silence)
        manifest.machines[0].spec.disks[0].declared?.size = .gibibytes(2)
        func operations(_ manifest: FleetManifest) -> [String] {
            Planner.plan(manifest, observed: observed, options: everything).steps.map(\.operation).map {
                if case .growVolume = $0 { "grow the file" } else { $0.name }
            }
        }
        #expect(operations(manifest) == ["start", "grow"])
        manifest.machines[0].spec.power = .stopped
        #expect(operations(manifest) == [])
        manifest.hosts[2].spec.offline = false
        observed["c"] = try PlacementTests.applied(FenceTests.fleet([]))["c"]
        let seen = observed["a"]?.volumes ?? []
        observed["c"]?.volumes = seen
        #expect(operations(manifest) == ["grow the file"])
    }

    @Test(arguments: Silence.allCases) func nothingIsCopiedOfADiskThatMayBeInUse(silence: Silence) throws {
        var (manifest, observed) = try off(silence)
        manifest.machines[0].spec.power = .stopped
        var copy = data
        copy.spec.source = "m0.root"
        copy.spec.clone = .full
        manifest.volumes = [copy]
        let plan = Planner.plan(manifest, observed: observed, options: everything)
        #expect(plan.steps.isEmpty, "\(plan.steps.map(\.id))")
        // While the host is unknown, nobody knows either whether it has the copy.
        let reason = silence == .unknown ? "host c unknown" : "may be in use on host c, which does not answer"
        #expect(PlacementTests.reasons(plan).contains { $0.contains(reason) }, "\(plan.blocked)")
        // Under a machine that runs with it, it is.
        observed["a"]?.machines[0].status?.state = .running
        manifest.machines[0].spec.power = .running
        if silence != .unknown {
            #expect(
                Planner.plan(manifest, observed: observed, options: everything).steps.contains {
                    $0.resource == ResourceID(.volume, "data")
                })
        }
    }
}

/// What leaves a volume group is wiped where its pool says so, also when it says that only now.
@Suite struct WipeOrderTests {
    @Test func nothingLeavesBeforeTheGroupIsMarked() throws {
        var manifest = PlacementTests.fleet([], hosts: ["a"])
        let lvm = StoragePool.LVM(volumeGroup: "vg0", devices: ["/dev/disk/by-id/one"], images: "disks")
        manifest.pools.append(StoragePool(metadata: Metadata(name: "fast"), spec: .init(.lvm(lvm))))
        manifest.volumes = [
            Volume(
                metadata: Metadata(name: "data"), spec: Volume.Spec(pool: "fast", size: .gibibytes(1), format: .raw))
        ]
        var observed = try PlacementTests.applied(manifest)
        var wiped = lvm
        wiped.wipe = true
        manifest.pools[1].spec.backend = .lvm(wiped)
        func after(_ name: String) -> [String] {
            let plan = Planner.plan(manifest, observed: observed, options: PlanOptions(allowance: .dataLoss))
            return plan.steps.first { $0.operation.name.hasPrefix(name) }?.after ?? ["no \(name)"]
        }
        // One that moves to another pool leaves its file behind.
        manifest.volumes[0].spec.pool = "disks"
        #expect(after("remove-copy").contains("a/StoragePool/fast/mark"))
        manifest.volumes[0].spec.pool = "fast"
        observed["a"]?.volumes[0].status?.staged = true
        #expect(after("remove-staged").contains("a/StoragePool/fast/mark"))
    }
}
