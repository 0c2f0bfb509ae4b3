import Model
import Planning
import TestSupport
import Testing

/// Pools whose folder is the same on all their hosts.
@Suite struct SharedPoolTests {
    private let everything = PlanOptions(allowance: .dataLoss)

    private static func fleet(_ machines: [VirtualMachine]) -> FleetManifest {
        var manifest = PlacementTests.fleet(machines)
        manifest.pools[0].spec.shared = true
        return manifest
    }

    @Test func aMoveCopiesNothing() throws {
        var manifest = Self.fleet([PlacementTests.machine("m0", host: "a", disk: 1)])
        var observed = try PlacementTests.applied(manifest)
        #expect(observed["b"]?.volumes.map(\.metadata.identity) == ["m0.root"])
        #expect(Planner.plan(manifest, observed: observed).isEmpty)
        manifest.machines[0].spec.host = "b"
        let live = Planner.plan(manifest, observed: observed)
        #expect(live.steps.map(\.id) == ["b/VirtualMachine/m0/migrate"], "\(live.steps.map(\.id))")
        #expect(live.steps.first?.reason == "from host a to host b (live migration, both reach its disks)")
        observed["a"]?.machines[0].status?.state = .off
        manifest.machines[0].spec.power = .stopped
        let cold = Planner.plan(manifest, observed: observed)
        #expect(cold.steps.map(\.id) == ["b/VirtualMachine/m0/relocate"], "\(cold.steps.map(\.id))")
        #expect(cold.steps.first?.reason == "from host a to host b (it is off, both reach its disks)")
    }

    /// The machine that runs has the disk; what is paused, or off, on another host is what a move has left of it.
    @Test func whatAMoveHasLeftGoesWithoutAMark() throws {
        let manifest = Self.fleet([PlacementTests.machine("m0", host: "b", disk: 1)])
        var observed = try PlacementTests.applied(manifest)
        var old = try #require(observed["b"]?.machines.first)
        old.status?.host = "a"
        for state in [VirtualMachine.State.paused, .off] {
            old.status?.state = state
            observed["a"]?.machines = [old]
            let plan = Planner.plan(manifest, observed: observed)
            #expect(
                plan.steps.map(\.id) == ["a/VirtualMachine/m0/drop"],
                "\(plan.steps.map(\.id)) \(PlacementTests.reasons(plan))")
        }
        // With another disk it is no copy of it.
        old.spec.disks[0].path = "/var/lib/infra/disks/other.qcow2"
        observed["a"]?.machines = [old]
        #expect(Planner.plan(manifest, observed: observed).steps.isEmpty)
        // Of two that are off with one disk, either is it.
        old.spec.disks[0].path = observed["b"]?.machines[0].spec.disks[0].path
        observed["a"]?.machines = [old]
        observed["b"]?.machines[0].status?.state = .off
        let off = Planner.plan(manifest, observed: observed)
        #expect(
            Set(off.steps.map(\.id)) == ["a/VirtualMachine/m0/drop", "b/VirtualMachine/m0/start"],
            "\(off.steps.map(\.id)) \(PlacementTests.reasons(off))")
    }

    /// Of a disk that its host does not see nothing is copied, and no empty one is made for it elsewhere.
    @Test(arguments: [true, false]) func aDiskThatNobodySeesHoldsTheMove(shared: Bool) throws {
        var manifest = PlacementTests.fleet([PlacementTests.machine("m0", host: "a", disk: 1)])
        manifest.pools[0].spec.shared = shared
        let whole = try PlacementTests.applied(manifest)
        manifest.machines[0].spec.host = "b"
        for state in [VirtualMachine.State.running, .off] {
            var observed = whole.mapValues { inventory in
                var inventory = inventory
                inventory.volumes = []
                return inventory
            }
            observed["a"]?.machines[0].status?.state = state
            manifest.machines[0].spec.power = state == .off ? .stopped : .running
            let lost = Planner.plan(manifest, observed: observed, options: everything)
            #expect(lost.steps.isEmpty, "\(lost.steps.map(\.id))")
            observed["a"]?.unknown = [
                UnknownArea(.storage, resource: ResourceID(.storagePool, "disks"), reason: "the pool is not started")
            ]
            let unknown = Planner.plan(manifest, observed: observed, options: everything)
            #expect(unknown.steps.isEmpty, "\(unknown.steps.map(\.id))")
        }
    }

    /// That a pool is shared stands in the marks of its files: they are no other host's when it leaves the manifests.
    @Test(arguments: [Deletion.retain, .delete], [true, false])
    func aPoolThatLeavesIsSharedStill(deletion: Deletion, leaves: Bool) throws {
        var manifest = Self.fleet([PlacementTests.machine("m0", host: "b", disk: 1)])
        manifest.machines[0].spec.disks[0].declared?.deletion = deletion
        var observed = try PlacementTests.applied(manifest)
        #expect(observed["a"]?.volumes.first?.status?.mark?.shared == true)
        manifest.machines = []
        if leaves { manifest.pools = [] } else { manifest.pools[0].spec.shared = false }
        for id in Array(observed.keys) {
            for row in observed[id]?.pools.indices ?? 0..<0 { observed[id]?.pools[row].spec.shared = false }
        }
        // Its machine goes on for now.
        let live = Planner.plan(manifest, observed: observed)
        #expect(live.steps.allSatisfy { $0.resource.kind != .volume }, "\(live.steps.map(\.id))")
        // Where its host is silent nothing becomes of it.
        observed["b"] = observed["b"].map {
            HostInventory(host: $0.host, unknown: [UnknownArea(.host, reason: "silent")])
        }
        let silent = Planner.plan(manifest, observed: observed, options: everything)
        #expect(silent.steps.allSatisfy { $0.resource.kind != .volume }, "\(silent.steps.map(\.id))")
    }

    /// A volume with a document of its own is not touched by one host while a machine of another has it open.
    @Test func aVolumeThatAnotherHostUsesWaits() throws {
        var manifest = Self.fleet([PlacementTests.machine("m0", host: "b", disk: 1)])
        var observed = try PlacementTests.applied(manifest)
        let machine = manifest.machines.removeFirst()
        let disk = try #require(machine.spec.disks[0].declared)
        var volume = Volume(metadata: Metadata(name: "m0.root"), spec: disk)
        volume.spec.size = .gibibytes(2)
        manifest.volumes = [volume]
        let plan = Planner.plan(manifest, observed: observed)
        #expect(plan.steps.allSatisfy { $0.resource.kind != .volume }, "\(plan.steps.map(\.id))")
        #expect(PlacementTests.reasons(plan).contains { $0.contains("on host b still has it as a disk") })
        for id in Array(observed.keys) { observed[id]?.volumes = [] }
        let lost = Planner.plan(manifest, observed: observed)
        #expect(lost.steps.allSatisfy { $0.resource.kind != .volume }, "\(lost.steps.map(\.id))")
    }

    /// A disk says nothing of its machine's host: all of them have it.
    @Test func aMachineWithoutADomainGoesWhereItIsWanted() throws {
        var manifest = Self.fleet([PlacementTests.machine("m0", host: "a", disk: 1)])
        var observed = try PlacementTests.applied(manifest)
        observed["a"]?.machines = []
        manifest.machines[0].spec.host = "c"
        let plan = Planner.plan(manifest, observed: observed)
        #expect(
            plan.steps.map(\.id) == ["c/VirtualMachine/m0/define", "c/VirtualMachine/m0/start"],
            "\(plan.steps.map(\.id)) \(PlacementTests.reasons(plan))")
        // Nothing is done to the disk while the machine may be where nobody could look.
        observed["a"]?.unknown = [UnknownArea(.host, reason: "silent")]
        let silent = Planner.plan(manifest, observed: observed, options: everything)
        #expect(silent.steps.isEmpty, "\(silent.steps.map(\.id))")
        manifest.machines = []
        #expect(Planner.plan(manifest, observed: observed, options: everything).steps.isEmpty)
    }

    @Test func capacityCountsOnce() throws {
        var manifest = Self.fleet([
            PlacementTests.machine("m0", host: "a", disk: 60), PlacementTests.machine("m1", host: "b", disk: 30),
        ])
        manifest.pools[0].spec.capacity = .gibibytes(100)
        let fits = CapacityReport(manifest, observed: PlacementTests.observed(manifest))
        let rows = (fits.hosts + fits.sums).filter { $0.measure == .disk }
        #expect(rows.map(\.planned) == [90 << 30] && rows.map(\.free) == [10 << 30] && fits.fits)
        #expect(CapacityReportText.render(fits).contains("StoragePool/disks disk, shared "))
        manifest.machines.append(PlacementTests.machine("m2", disk: 20))
        let placed = Planner.plan(manifest, observed: PlacementTests.observed(manifest))
        #expect(placed.problems.map(\.code) == ["no-host"], "\(placed.problems)")
        manifest.machines[2].spec.host = "c"
        let pinned = Planner.plan(manifest, observed: PlacementTests.observed(manifest))
        #expect(pinned.problems.map(\.code) == ["capacity"], "\(pinned.problems)")
        // What moves has its space already.
        manifest.machines = [PlacementTests.machine("m0", disk: 60)]
        let observed = try PlacementTests.applied(manifest)
        let home = try #require(observed.first { !$0.value.machines.isEmpty }?.key)
        for index in manifest.hosts.indices where manifest.hosts[index].metadata.identity == home {
            manifest.hosts[index].spec.maintenance = true
        }
        let moved = Planner.plan(manifest, observed: observed)
        #expect(moved.steps.map { $0.operation.name } == ["migrate"], "\(PlanText().render(moved))")
    }

    /// What is said of an export is unknown where it is not mounted: nothing is made there, whatever other hosts see.
    @Test func anExportIsUnknownUntilItIsMounted() throws {
        var manifest = Self.fleet([PlacementTests.machine("m0", host: "a", disk: 1)])
        manifest.pools[0].spec = .init(.nfs(.init(server: "nas.example", export: "/srv", path: "/var/lib/infra/disks")))
        var simulator = Simulator(PlacementTests.observed(manifest))
        let first = Planner.plan(manifest, observed: simulator.observation(manifest))
        let mounts = ["a", "b", "c"].map { "\($0)/StoragePool/disks/create" }
        #expect(first.startsPools && first.steps.map(\.id).sorted() == mounts, "\(first.steps.map(\.id))")
        #expect(PlacementTests.reasons(first).contains { $0.contains("it is not mounted yet") })
        try simulator.apply(first)
        let second = Planner.plan(manifest, observed: simulator.observation(manifest))
        #expect(second.steps.contains { $0.id == "a/Volume/m0.root/create" }, "\(second.steps.map(\.id))")
        try simulator.apply(second)
        let whole = simulator.observation(manifest)
        #expect(Planner.plan(manifest, observed: whole).isEmpty)

        // A host that has lost its mount, or whose libvirt has lost the pool, makes nothing for a machine that comes to it.
        manifest.machines[0].spec.host = "b"
        manifest.machines.append(PlacementTests.machine("m1", host: "b", disk: 1))
        for isDefined in [true, false] {
            var observed = whole
            observed["b"]?.volumes = []
            if isDefined {
                observed["b"]?.pools[0].status?.active = false
                observed["b"]?.unknown = [
                    UnknownArea(.storage, resource: ResourceID(.storagePool, "disks"), reason: "it is not mounted")
                ]
            } else {
                observed["b"]?.pools = []
            }
            let lost = Planner.plan(manifest, observed: observed, options: everything)
            let id = isDefined ? "b/StoragePool/disks/start" : "b/StoragePool/disks/create"
            #expect(lost.steps.map(\.id) == [id], "\(lost.steps.map(\.id)) \(PlacementTests.reasons(lost))")
        }
    }

    /// Nothing but what is seen keeps two machines from writing to one logical unit.
    @Test func aUnitIsHandedOverOnceNobodyHasIt() throws {
        var manifest = PlacementTests.fleet([
            PlacementTests.machine("m0", host: "a"), PlacementTests.machine("m1", host: "b"),
        ])
        let target = StoragePool.ISCSI(portal: "san.example", target: "iqn.2026-01.example:disks")
        manifest.pools.append(StoragePool(metadata: Metadata(name: "san"), spec: .init(.iscsi(target))))
        let unit = Volume.Spec(pool: "san", size: .gibibytes(1), clone: .full, format: .raw, lun: 1)
        manifest.volumes = [Volume(metadata: Metadata(name: "data"), spec: unit)]
        let free = try PlacementTests.applied(manifest)
        let disk = VirtualMachine.Disk(name: "data", volume: "data")
        manifest.machines[0].spec.disks = [disk]
        let used = try PlacementTests.applied(manifest)
        #expect(used["a"]?.machines.first?.allDiskPaths == ["\(target.folder)/1"])
        manifest.machines[0].spec.disks = []
        manifest.machines[1].spec.disks = [disk]
        // m0 gives it up; as long as it is seen to have it, m1 does not get it.
        let first = Planner.plan(manifest, observed: used, options: everything)
        #expect(first.steps.allSatisfy { $0.resource.id == "m0" } && !first.steps.isEmpty, "\(first.steps.map(\.id))")
        #expect(PlacementTests.reasons(first).contains { $0.contains("VirtualMachine/m0 has it as a disk") })
        // Nor while a host is silent.
        var silent = free
        silent["a"] = silent["a"].map {
            HostInventory(host: $0.host, unknown: [UnknownArea(.host, reason: "silent")])
        }
        let held = Planner.plan(manifest, observed: silent, options: everything)
        #expect(held.steps.isEmpty, "\(held.steps.map(\.id))")
        #expect(PlacementTests.reasons(held).contains { $0.contains("not every host said") })
        let given = Planner.plan(manifest, observed: free, options: everything)
        #expect(given.blocked.isEmpty && given.steps.contains { $0.resource.id == "m1" }, "\(PlanText().render(given))")
    }

    @Test(arguments: UInt64(1)...100) func machinesMoveAroundTheirDisks(seed: UInt64) throws {
        var fleet = MovingFleet(seed: seed)
        fleet.manifest.pools[0].spec.shared = true
        var simulator = Simulator.empty(fleet.manifest)
        // By NFS, it is mounted first.
        if seed.isMultiple(of: 2) {
            let path = fleet.manifest.pools[0].spec.folder
            fleet.manifest.pools[0].spec = .init(.nfs(.init(server: "nas.example", export: "/srv", path: path)))
            try simulator.apply(
                Planner.plan(
                    fleet.manifest, observed: simulator.observation(fleet.manifest), options: everything))
        }
        try converge(&simulator, to: fleet.manifest, within: 1)
        for _ in 0..<3 {
            let files = Self.files(simulator)
            fleet.shuffle()
            try converge(&simulator, to: fleet.manifest, within: 1)
            #expect(Self.files(simulator) == files)
            for machine in fleet.manifest.machines {
                let hosts = simulator.hosts.filter { host in
                    host.value.machines.contains { $0.metadata.identity == machine.metadata.identity }
                }.keys
                #expect(hosts.count == 1 && Array(hosts) == [machine.spec.host ?? hosts.first])
            }
        }
        // Cut off anywhere.
        fleet.shuffle()
        let plan = Planner.plan(
            fleet.manifest, observed: simulator.observation(fleet.manifest), options: everything)
        for step in plan.steps.prefix(fleet.number(upTo: plan.steps.count)) { try simulator.apply(step) }
        try converge(&simulator, to: fleet.manifest, within: 2)
        // And away: the disks stay, each once.
        let files = Self.files(simulator)
        let end = PlanOptions(allowance: .dataLoss, destroys: true)
        try simulator.apply(
            Planner.plan(fleet.manifest, observed: simulator.observation(fleet.manifest), options: end))
        #expect(simulator.hosts.values.allSatisfy { $0.machines.isEmpty && $0.pools.isEmpty })
        #expect(Self.files(simulator) == files)
        let rest = Planner.plan(fleet.manifest, observed: simulator.observation(fleet.manifest), options: end)
        #expect(rest.isEmpty, "\(PlanText().render(rest))")
        // What is not mounted any more nobody sees.
        #expect(rest.retained.count == (fleet.manifest.pools[0].spec.nfs == nil ? files.count : 0))
    }

    private func converge(_ simulator: inout Simulator, to manifest: FleetManifest, within rounds: Int) throws {
        for _ in 0..<rounds {
            let plan = Planner.plan(manifest, observed: simulator.observation(manifest), options: everything)
            try #require(plan.problems.isEmpty && plan.blocked.isEmpty, "\(PlanText().render(plan))")
            for step in plan.steps {
                try simulator.apply(step)
                let running = simulator.hosts.values.flatMap(\.machines).filter { $0.status?.state == .running }
                #expect(Set(running.map(\.metadata.identity)).count == running.count, "\(step.id)")
            }
        }
        let plan = Planner.plan(manifest, observed: simulator.observation(manifest), options: everything)
        #expect(plan.isEmpty && plan.deferred.isEmpty, "\(PlanText().render(plan))")
    }

    /// The volumes' files: all that count.
    private static func files(_ simulator: Simulator) -> Set<String> {
        let volumes = simulator.hosts.values.flatMap(\.volumes)
        #expect(volumes.allSatisfy { $0.status?.mark?.copy == nil && $0.status?.staged == false })
        return Set(volumes.compactMap(\.status?.path))
    }
}

extension VirtualMachine {
    fileprivate var allDiskPaths: [String] { spec.disks.compactMap(\.path) }
}
