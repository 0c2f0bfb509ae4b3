import Model
import Planning
import TestSupport
import Testing

/// Hosts that are said to be off, leases, and what comes of both.
@Suite struct FenceTests {
    private let everything = PlanOptions(allowance: .dataLoss)

    /// Three hosts with one folder of disks, and leases on them.
    static func fleet(_ machines: [VirtualMachine]) -> FleetManifest {
        var manifest = PlacementTests.fleet(machines)
        manifest.pools[0].spec.shared = true
        manifest.pools[0].spec.leases = true
        return manifest
    }

    /// One machine, on host a or where there is room.
    static func one(_ host: String? = nil) throws -> (FleetManifest, [String: HostInventory], String) {
        let manifest = fleet([PlacementTests.machine("m0", host: host, disk: 1)])
        let observed = try PlacementTests.applied(manifest)
        let home = try #require(observed.first { !$0.value.machines.isEmpty }?.key)
        return (manifest, observed, home)
    }

    /// A host that does not answer, as the others remember it.
    static func silent(_ inventory: HostInventory?, fence: [String]?) -> HostInventory? {
        inventory.map { inventory in
            HostInventory(
                host: inventory.host.unseen, unknown: [UnknownArea(.host, reason: "no answer")],
                lastSeen: inventory.machines.map(\.metadata.identity), lastSeenVolumes: [],
                fence: fence.map { word($0, inventory.machines) })
        }
    }

    /// The word that a host is off, for some of its machines with the disks that they have there.
    private static func word(_ names: [String], _ machines: [VirtualMachine], isOver: Bool = false) -> Fence {
        let volumes = machines.reduce(into: [:]) { $0[$1.metadata.identity] = $1.volumes.sorted() }
        return Fence(machines: names.reduce(into: [:]) { $0[$1] = volumes[$1] ?? [] }, isOver: isOver)
    }

    private func ids(_ plan: Plan) -> [String] { plan.steps.map(\.id) }

    @Test func whatHadLeasesStartsElsewhere() throws {
        let (manifest, whole, home) = try Self.one()
        var observed = whole
        observed[home] = Self.silent(whole[home], fence: nil)
        let before = Planner.plan(manifest, observed: observed)
        #expect(before.steps.isEmpty && before.blocked.contains { $0.resource == ResourceID(.host, home) })
        observed[home] = Self.silent(whole[home], fence: ["m0"])
        let plan = Planner.plan(manifest, observed: observed)
        let other = try #require(plan.steps.first?.host)
        #expect(other != home)
        #expect(
            ids(plan) == ["\(other)/VirtualMachine/m0/define", "\(other)/VirtualMachine/m0/start"],
            "\(PlanText().render(plan))")
        #expect(plan.blocked.isEmpty && plan.problems.isEmpty, "\(PlanText().render(plan))")
        #expect(plan.notes.contains { $0.code == "fence" && $0.message.contains("is to be on host \(other)") })
        #expect(plan.notes.contains { $0.code == "offline" && $0.message.hasPrefix("is fenced") })
    }

    /// The word in the manifests beside that of the hosts changes nothing.
    @Test func aFencedHostMayBeDeclaredToBeOff() throws {
        var (manifest, observed, home) = try Self.one()
        for index in manifest.hosts.indices where manifest.hosts[index].metadata.identity == home {
            manifest.hosts[index].spec.offline = true
            observed[home]?.host.spec.offline = true
        }
        observed[home] = Self.silent(observed[home], fence: nil)
        #expect(Planner.plan(manifest, observed: observed).steps.isEmpty)
        observed[home]?.fence = Fence(machines: ["m0": ["m0.root"]])
        #expect(Planner.plan(manifest, observed: observed).steps.map { $0.operation.name } == ["define", "start"])
        // One that answers in part is not off.
        observed[home]?.fence = Fence(machines: ["m0": ["m0.root"]], isOver: true)
        manifest.hosts = manifest.hosts.map { host in
            var host = host
            host.spec.offline = false
            return host
        }
        #expect(Planner.plan(manifest, observed: observed).steps.isEmpty)
    }

    @Test func whatHadNoneStaysPut() throws {
        let (manifest, whole, home) = try Self.one()
        var observed = whole
        observed[home] = Self.silent(whole[home], fence: ["another"])
        let plan = Planner.plan(manifest, observed: observed)
        #expect(plan.steps.isEmpty)
        #expect(
            plan.notes.contains {
                $0.message == "is fenced: nothing is done there, and 1 of the machines stay there: m0"
            })
    }

    /// The manifest's word goes before: who names the host waits for it.
    @Test func whoNamesTheHostWaits() throws {
        let (manifest, whole, home) = try Self.one("b")
        var observed = whole
        observed[home] = Self.silent(whole[home], fence: ["m0"])
        #expect(Planner.plan(manifest, observed: observed).steps.isEmpty)
        var moved = manifest
        moved.machines[0].spec.host = "c"
        #expect(ids(Planner.plan(moved, observed: observed)).contains("c/VirtualMachine/m0/start"))
    }

    /// Nobody makes an empty disk for one that only the fenced host may have.
    @Test(arguments: ["gone", "kept", "without leases"]) func aDiskThatIsNotSeen(how: String) throws {
        var (manifest, observed, home) = try Self.one()
        observed[home] = Self.silent(observed[home], fence: ["m0"])
        for id in Array(observed.keys) {
            if how == "gone" { observed[id]?.volumes = [] }
            if how == "kept", observed[id]?.volumes.isEmpty == false {
                observed[id]?.volumes[0].status?.mark?.retained = true
            }
        }
        if how == "without leases" { manifest.pools[0].spec.leases = false }
        let plan = Planner.plan(manifest, observed: observed, options: everything)
        #expect(plan.steps.isEmpty, "\(ids(plan))")
        #expect(PlacementTests.reasons(plan).contains { $0.contains("is seen in no shared pool with leases") })
    }

    /// What starts elsewhere has the disks on which it had leases, no others: those of which it had none may be in use.
    @Test(arguments: [1, -1]) func otherDisksThanItHadStartNowhereElse(more: Int) throws {
        var (manifest, observed, home) = try Self.one()
        if more < 0 { observed[home]?.machines[0].spec.disks += [.init(name: "data", volume: "data", path: "/x")] }
        observed[home] = Self.silent(observed[home], fence: ["m0"])
        if more > 0 {
            manifest.machines[0].spec.disks.append(
                .init(name: "data", volume: nil, declared: .init(pool: "disks", size: .gibibytes(1))))
        }
        let plan = Planner.plan(manifest, observed: observed, options: everything)
        #expect(plan.steps.isEmpty, "\(ids(plan))")
        #expect(
            PlacementTests.reasons(plan).contains { $0.contains("is fenced, with other disks than the manifests say") })
    }

    /// Perhaps the guest still runs where it was: nothing is written to its disk before it runs here.
    @Test(arguments: [VirtualMachine.Power.running, .stopped]) func aDiskGrowsOnceItsMachineRuns(
        power: VirtualMachine.Power
    ) throws {
        var (manifest, observed, home) = try Self.one()
        observed[home] = Self.silent(observed[home], fence: ["m0"])
        manifest.machines[0].spec.disks[0].declared?.size = .gibibytes(2)
        manifest.machines[0].spec.power = power
        let plan = Planner.plan(manifest, observed: observed)
        let names = plan.steps.map { "\($0.resource.kind.rawValue) \($0.operation.name)" }
        let expected =
            power == .running
            ? ["VirtualMachine define", "VirtualMachine start", "Volume grow"] : ["VirtualMachine define"]
        #expect(names == expected, "\(PlanText().render(plan))")
        for step in plan.steps {
            if case .growVolume = step.operation { Issue.record("\(step.id)") }
        }
    }

    @Test func aHostWithoutLeasesStartsNothing() throws {
        var (manifest, observed, home) = try Self.one("a")
        observed["a"]?.leases = Leases(obstacle: "libvirt has no lock manager")
        observed[home]?.machines[0].status?.state = .off
        let off = Planner.plan(manifest, observed: observed)
        #expect(off.steps.isEmpty, "\(ids(off))")
        #expect(
            off.blocked.contains {
                $0.resource == ResourceID(.storagePool, "disks")
                    && $0.reason == "no machine gets leases on host a: libvirt has no lock manager"
                    && $0.problem?.help == Leases.help
            }, "\(off.blocked)")
        // Neither does it take one that comes.
        var coming = try PlacementTests.applied(manifest)
        coming["b"]?.leases = Leases(obstacle: "libvirt has no lock manager")
        manifest.machines[0].spec.host = "b"
        #expect(Planner.plan(manifest, observed: coming, options: everything).steps.isEmpty)
        manifest.machines[0].spec.host = "a"
        // Neither one that is new, and one that nobody asked is no better.
        for leases in [nil, Leases(obstacle: "libvirt has no lock manager")] {
            var empty = PlacementTests.observed(manifest)
            empty["a"]?.leases = leases
            manifest.machines[0].spec.host = nil
            #expect(Placement(manifest, observed: empty).hosts["m0"].map { $0 != "a" } == true)
            for host in ["b", "c"] { empty[host]?.leases = leases }
            let none = Planner.plan(manifest, observed: empty)
            #expect(none.problems.first?.message.contains("takes no leases for StoragePool/disks") == true)
            manifest.machines[0].spec.host = "a"
            let named = Planner.plan(manifest, observed: empty)
            #expect(named.problems.first?.message.contains("takes no leases for StoragePool/disks") == true)
        }
    }

    @Test func oneThatRunsWithoutALeaseIsTold() throws {
        let (manifest, whole, home) = try Self.one()
        #expect(Planner.plan(manifest, observed: whole).notes.isEmpty)
        var observed = whole
        observed[home]?.leases?.held = []
        let plan = Planner.plan(manifest, observed: observed)
        #expect(plan.isEmpty && plan.notes.map(\.code) == ["no-lease"], "\(plan.notes)")
        let rules = LeaseRules(manifest)
        let held = ["m0": ["m0.root"]]
        #expect(whole[home].map(rules.leased) == held)
        #expect(observed[home].map(rules.leased) == [:])
        // One that is off would have it, one that is saved would be another one elsewhere.
        observed[home]?.machines[0].status?.state = .off
        #expect(observed[home].map(rules.leased) == held)
        for state in [VirtualMachine.State.saved, .paused] {
            observed[home]?.machines[0].status?.state = state
            #expect(observed[home].map(rules.leased) == [:])
        }
        observed[home]?.machines[0].status?.state = .off
        observed[home]?.machines[0].status?.unmanaged = ["disk /dev/sdb"]
        #expect(observed[home].map(rules.leased) == [:])
        observed = whole
        observed[home]?.leases?.obstacle = "virtlockd does not listen"
        #expect(observed[home].flatMap(rules.leased) == nil)
        observed = whole
        observed[home]?.machines[0].status?.live = whole[home]?.machines[0].spec
        observed[home]?.machines[0].status?.live?.disks[0].path = "/var/lib/infra/elsewhere.qcow2"
        #expect(observed[home].map(rules.leased) == [:])
    }

    /// What counts is the volume's own file, and the volume that it is: elsewhere the machine would start from it.
    @Test(arguments: ["a snapshot's layer", "another volume", "left", "kept", "unfinished", "no volume"])
    func onlyAVolumesOwnFileIsLeased(how: String) throws {
        let (manifest, whole, home) = try Self.one()
        var inventory = try #require(whole[home])
        let path = try #require(inventory.machines[0].spec.disks[0].path)
        switch how {
        case "a snapshot's layer":
            inventory.machines[0].spec.disks[0].path = path + ".snap1"
            inventory.leases?.held.append(path + ".snap1")
        case "another volume": inventory.volumes[0].metadata.name = "m1.root"
        case "left": inventory.volumes[0].status?.mark?.copy = .movedTo("b")
        case "kept": inventory.volumes[0].status?.mark?.retained = true
        case "unfinished": inventory.volumes[0].status?.staged = true
        default: inventory.volumes = []
        }
        #expect(LeaseRules(manifest).leased(inventory) == [:])
    }

    /// It comes back off, and has what is elsewhere meanwhile.
    @Test(arguments: [VirtualMachine.State.off, .crashed]) func whatIsLeftOnAHostThatReturnsGoes(
        state: VirtualMachine.State
    ) throws {
        let (manifest, whole, home) = try Self.one()
        let other = home == "a" ? "b" : "a"
        var returned = whole
        var moved = try #require(whole[home]?.machines.first)
        moved.status?.host = other
        returned[other]?.machines = [moved]
        returned[other]?.leases?.held = whole[home]?.leases?.held ?? []
        returned[home]?.machines[0].status?.state = state
        returned[home]?.leases?.held = []
        returned[home]?.fence = Fence(machines: ["m0": ["m0.root"]], isOver: true)
        // One that is paused has all that it had in memory: a person decides.
        if state == .off {
            var paused = returned
            paused[home]?.machines[0].status?.state = .paused
            let plan = Planner.plan(manifest, observed: paused)
            #expect(plan.steps.isEmpty, "\(PlanText().render(plan))")
            #expect(PlacementTests.reasons(plan).contains { $0.contains("and may be on one only") })
        }
        // It may have got another disk where it is now.
        var grown = returned
        grown[other]?.machines[0].spec.disks += [.init(name: "data", volume: "data", path: "/srv/data.raw")]
        #expect(ids(Planner.plan(manifest, observed: grown)).contains("\(home)/VirtualMachine/m0/drop"))
        let plan = Planner.plan(manifest, observed: returned)
        #expect(ids(plan) == ["\(home)/VirtualMachine/m0/drop"], "\(PlanText().render(plan))")
        // With its memory saved it is more than a definition.
        var saved = returned
        saved[home]?.machines[0].status?.state = .saved
        let held = Planner.plan(manifest, observed: saved, options: everything)
        let places = held.blocked.filter { $0.resource == ResourceID(.virtualMachine, "m0") }.map(\.host)
        #expect(held.steps.isEmpty && places.sorted() == [home, other].sorted(), "\(PlanText().render(held))")
        // Both off: that of the fenced host goes, wherever it is named.
        guard state == .off else { return }
        returned[other]?.machines[0].status?.state = .off
        var pinned = manifest
        pinned.machines[0].spec.host = home
        let off = Planner.plan(pinned, observed: returned)
        #expect(ids(off).contains("\(home)/VirtualMachine/m0/drop"), "\(PlanText().render(off))")
        #expect(!ids(off).contains("\(other)/VirtualMachine/m0/drop"), "\(PlanText().render(off))")
    }

    /// Fences of any hosts, true or not, starts that fail, hosts that come back with what they had and start it themselves: no
    /// machine ever runs twice, no disk is made anew, and in the end all is as the manifests say.
    @Test(arguments: UInt64(1)...150) func nothingRunsTwice(seed: UInt64) throws {
        var fleet = MovingFleet(seed: seed)
        fleet.manifest.pools[0].spec.shared = true
        fleet.manifest.pools[0].spec.leases = true
        // What moves is free to.
        for index in fleet.manifest.machines.indices { fleet.manifest.machines[index].spec.host = nil }
        var simulator = Simulator.empty(fleet.manifest)
        try converge(&simulator, fleet.manifest)
        let files = Set(simulator.hosts.values.flatMap(\.volumes).compactMap(\.status?.path))
        for _ in 0..<3 {
            let hosts = fleet.manifest.hosts.map(\.metadata.identity)
            let lost = hosts[fleet.number(upTo: hosts.count - 1)]
            let isOff = fleet.number(upTo: 1) == 0
            if isOff { simulator.stopAll(on: lost) }
            let leased = simulator.hosts[lost].flatMap(LeaseRules(fleet.manifest).leased) ?? [:]
            for _ in 0..<2 {
                var observed = simulator.observation(fleet.manifest)
                observed[lost] = Self.silent(observed[lost], fence: leased.keys.sorted())
                let plan = Planner.plan(fleet.manifest, observed: observed, options: everything)
                try apply(plan, &simulator, first: fleet.number(upTo: plan.steps.count))
            }
            if isOff { for machine in leased.keys.sorted() { _ = simulator.autostart(machine, on: lost) } }
            check(simulator, "\(lost) returns")
            for _ in 0..<3 {
                var observed = simulator.observation(fleet.manifest)
                observed[lost]?.fence = Fence(machines: leased, isOver: true)
                let plan = Planner.plan(fleet.manifest, observed: observed, options: everything)
                try #require(plan.problems.isEmpty && plan.blocked.isEmpty, "\(PlanText().render(plan))")
                try apply(plan, &simulator)
            }
            try converge(&simulator, fleet.manifest)
            for machine in fleet.manifest.machines {
                let places = simulator.hosts.values.filter {
                    $0.holds(ResourceID(.virtualMachine, machine.metadata.identity))
                }
                #expect(places.count == 1, "\(machine.metadata.identity) is on \(places.count) hosts")
            }
            #expect(Set(simulator.hosts.values.flatMap(\.volumes).compactMap(\.status?.path)) == files)
        }
    }

    /// Steps that libvirt refuses since another host has the disk fail, and what waits for them is not tried.
    private func apply(_ plan: Plan, _ simulator: inout Simulator, first count: Int? = nil) throws {
        var failed: Set<String> = []
        for step in plan.steps.prefix(count ?? plan.steps.count) {
            if step.after.contains(where: failed.contains) {
                failed.insert(step.id)
                continue
            }
            do {
                try simulator.apply(step)
            } catch let refusal as Simulator.Refusal where refusal.description.contains("is locked on host") {
                failed.insert(step.id)
            }
            check(simulator, step.id)
        }
    }

    private func check(_ simulator: Simulator, _ place: String) {
        let running = simulator.hosts.values.flatMap(\.machines).filter { $0.status?.state == .running }
        #expect(Set(running.map(\.metadata.identity)).count == running.count, "\(place)")
    }

    private func converge(_ simulator: inout Simulator, _ manifest: FleetManifest) throws {
        for _ in 0..<2 {
            let plan = Planner.plan(manifest, observed: simulator.observation(manifest), options: everything)
            try #require(plan.problems.isEmpty && plan.blocked.isEmpty, "\(PlanText().render(plan))")
            try apply(plan, &simulator)
        }
        let plan = Planner.plan(manifest, observed: simulator.observation(manifest), options: everything)
        #expect(plan.isEmpty && plan.deferred.isEmpty, "\(PlanText().render(plan))")
    }
}

extension KVMHost {
    /// As it is declared.
    fileprivate var unseen: KVMHost {
        var host = self
        host.status = nil
        return host
    }
}

extension Simulator {
    /// The power of a host goes.
    fileprivate mutating func stopAll(on name: String) {
        for index in hosts[name]?.machines.indices ?? 0..<0 {
            hosts[name]?.machines[index].status?.state = .off
            hosts[name]?.machines[index].status?.live = nil
        }
        hosts[name]?.leases?.held = []
    }
}
