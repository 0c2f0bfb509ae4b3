import Model
import Planning
import Testing

/// Machines that go to another host, and what a move that was cut off has left.
extension PlacementTests {
    @Test func anotherHostInTheManifestMovesTheMachine() throws {
        var manifest = Self.fleet([Self.machine("m0", host: "a", disk: 1)])
        let observed = try Self.applied(manifest)
        manifest.machines[0].spec.host = "b"
        let plan = Planner.plan(manifest, observed: observed)
        #expect(
            plan.steps.map(\.id) == [
                "b/Volume/m0.root/create", "b/VirtualMachine/m0/migrate", "a/Volume/m0.root/mark-moved",
                "b/Volume/m0.root/mark", "a/Volume/m0.root/remove-copy",
            ], "\(plan.steps.map(\.id))")
        #expect(
            plan.steps.first { $0.id.hasSuffix("/migrate") }?.reason
                == "from host a to host b (live migration, 1GiB of disk copied)")
        #expect(
            plan.summary
                == {
                    var summary = Plan.Summary(); summary.change = 3; return summary
                }())
        // Not while the other host is unknown, and not to one in maintenance.
        var silent = observed
        silent["b"]?.unknown = [UnknownArea(.host, reason: "silent")]
        #expect(
            Self.reasons(Planner.plan(manifest, observed: silent)).contains(
                "VirtualMachine/m0 on a: is on host a and cannot move to host b: that host is unknown: silent"))
        var busy = manifest
        busy.hosts[1].spec.maintenance = true
        #expect(
            Self.reasons(Planner.plan(busy, observed: observed)).contains(
                "VirtualMachine/m0 on a: is on host a and cannot move to host b: "
                    + "that host is in maintenance and takes no new machine"))
        // Nor while something of it is blocked on either.
        let held = [ResourceID(.volume, "m0.root"): "suspended"]
        let waits = Planner.plan(manifest, observed: observed, options: PlanOptions(heldBack: held))
        #expect(waits.steps.isEmpty, "\(waits.steps.map(\.id))")
        #expect(
            Self.reasons(waits).contains(
                "VirtualMachine/m0 on a: is on host a and cannot move to host b: suspended"), "\(Self.reasons(waits))")
        // Undefined by hand: what it wrote is still there.
        var rest = observed
        rest["a"]?.machines = []
        let next = Planner.plan(manifest, observed: rest, options: PlanOptions(allowance: .dataLoss))
        #expect(next.steps.isEmpty, "\(next.steps.map(\.id))")
        #expect(
            Self.reasons(next).contains(
                "VirtualMachine/m0 on a: its volumes are on host a, and only a machine that is defined moves; "
                    + "name host a first"))
    }

    @Test func whatAMoveHasLeftIsTold() throws {
        var manifest = Self.fleet([Self.machine("m0", host: "b", disk: 1)])
        var observed = try Self.applied(manifest)
        // Killed between the two ends: it runs on b and is paused on a, whose volume still counts.
        var old = try #require(observed["b"]?.machines.first)
        old.status?.host = "a"
        old.status?.state = .paused
        observed["a"]?.machines = [old]
        let volumes = observed["b"]?.volumes ?? []
        observed["a"]?.volumes = volumes
        observed["b"]?.volumes[0].status?.mark?.copy = .incoming
        let plan = Planner.plan(manifest, observed: observed)
        #expect(
            plan.steps.map(\.id) == [
                "a/VirtualMachine/m0/drop", "a/Volume/m0.root/mark-moved", "b/Volume/m0.root/mark",
                "a/Volume/m0.root/remove-copy",
            ], "\(plan.steps.map(\.id)) \(Self.reasons(plan))")
        // Another one waits for that.
        manifest.machines[0].spec.host = "c"
        let next = Planner.plan(manifest, observed: observed)
        #expect(next.steps.map(\.id) == plan.steps.map(\.id))
        #expect(
            next.notes.map(\.message).contains(
                "is on host b and moves to host c once what an earlier move has left is settled"))
        // Without the mark nobody knows which it is.
        observed["b"]?.volumes[0].status?.mark?.copy = nil
        #expect(Planner.plan(manifest, observed: observed).steps.isEmpty)
        // Nor while a third host is unknown.
        observed["b"]?.volumes[0].status?.mark?.copy = .incoming
        observed["c"]?.unknown = [UnknownArea(.host, reason: "silent")]
        #expect(Planner.plan(manifest, observed: observed).steps.isEmpty)
    }

    /// The source stopped its guest for the last part, and the target never got it.
    @Test func whatAMoveHasLeftPausedGoesOn() throws {
        var manifest = Self.fleet([Self.machine("m0", host: "a", disk: 1)])
        var observed = try Self.applied(manifest)
        observed["a"]?.machines[0].status?.state = .paused
        var copy = try #require(observed["a"]?.volumes.first)
        copy.status?.mark?.copy = .incoming
        observed["b"]?.volumes = [copy]
        #expect(
            Planner.plan(manifest, observed: observed).steps.map(\.id) == [
                "a/VirtualMachine/m0/start", "b/Volume/m0.root/remove-copy",
            ])
        manifest.machines[0].spec.host = "b"
        #expect(
            Planner.plan(manifest, observed: observed).steps.map(\.id).prefix(4) == [
                "a/VirtualMachine/m0/start", "b/Volume/m0.root/remove-copy", "b/Volume/m0.root/create",
                "b/VirtualMachine/m0/migrate",
            ])
    }

    /// What may run where nobody could look is neither resumed nor started from a disk that counts here.
    @Test func aSilentHostHoldsWhatMayRunThere() throws {
        let manifest = Self.fleet([Self.machine("m0", host: "a", disk: 1)])
        var observed = try Self.applied(manifest)
        observed["b"]?.unknown = [UnknownArea(.host, reason: "silent")]
        var paused = observed
        paused["a"]?.machines[0].status?.state = .paused
        let first = Planner.plan(manifest, observed: paused)
        #expect(first.steps.isEmpty, "\(first.steps.map(\.id))")
        #expect(Self.reasons(first).contains { $0.contains("is paused") && $0.contains("host b") })
        observed["a"]?.machines = []
        let second = Planner.plan(manifest, observed: observed, options: PlanOptions(allowance: .dataLoss))
        #expect(second.steps.isEmpty, "\(second.steps.map(\.id))")
        #expect(Self.reasons(second).contains { $0.contains("it may be on host b") }, "\(Self.reasons(second))")
    }

    /// A file that was kept when the machine left is older than the disk that comes, whatever the manifest says of it.
    @Test func aKeptFileIsNoCopyOfWhatComes() throws {
        for power in [VirtualMachine.Power.running, .stopped] {
            var manifest = Self.fleet([Self.machine("m0", host: "a", disk: 1)])
            manifest.machines[0].spec.power = power
            manifest.machines[0].spec.disks[0].declared?.reuse = true
            var observed = try Self.applied(manifest)
            var kept = try #require(observed["a"]?.volumes.first)
            kept.status?.mark?.retained = true
            observed["b"]?.volumes = [kept]
            manifest.machines[0].spec.host = "b"
            let plan = Planner.plan(manifest, observed: observed, options: PlanOptions(allowance: .dataLoss))
            #expect(plan.steps.isEmpty, "\(plan.steps.map(\.id))")
            #expect(Self.reasons(plan).contains { $0.contains("is here already") }, "\(Self.reasons(plan))")
        }
    }

    /// Of a disk that is not yet, or no more, the volume of its name nothing would be copied.
    @Test func aDiskThatIsAnotherVolumeHoldsTheMove() throws {
        var manifest = Self.fleet([Self.machine("m0", host: "a", disk: 1)])
        for name in ["v1", "v2"] {
            manifest.volumes.append(
                Volume(metadata: Metadata(name: name), spec: .init(pool: "disks", size: .gibibytes(1))))
        }
        manifest.machines[0].spec.disks.append(.init(name: "data", volume: "v1"))
        let observed = try Self.applied(manifest)
        let everything = PlanOptions(allowance: .dataLoss)
        func note(_ manifest: FleetManifest, _ observed: [String: HostInventory]) -> [String] {
            let plan = Planner.plan(manifest, observed: observed, options: everything)
            #expect(!plan.steps.contains { $0.id.hasPrefix("b/") }, "\(plan.steps.map(\.id))")
            return plan.notes.map(\.message)
        }
        // In the commit that moves it.
        manifest.machines[0].spec.host = "b"
        var other = manifest
        other.machines[0].spec.disks[1].volume = "v2"
        #expect(
            note(other, observed).contains("is on host a and moves to host b once its disk data is Volume/v2"))
        // Or earlier, with what runs still on the other one.
        var running = observed
        var live = try #require(observed["a"]?.machines.first?.spec)
        live.disks[1].volume = "v2"
        running["a"]?.machines[0].status?.live = live
        #expect(
            note(manifest, running).contains("is on host a and moves to host b once its disk data is Volume/v1"))
        other = manifest
        other.machines[0].spec.disks.append(.init(name: "more", volume: "v2"))
        #expect(note(other, observed).contains("is on host a and moves to host b once it has its disk more"))
        #expect(Planner.plan(manifest, observed: observed).steps.contains { $0.id == "b/VirtualMachine/m0/migrate" })
    }

    /// A lack at the host that it is to go to keeps one machine where it is, and nothing else.
    @Test func aHostThatLacksAPoolHoldsTheMoveAlone() throws {
        var manifest = Self.fleet([Self.machine("m0", host: "a", disk: 1)])
        manifest.pools[0].spec.hosts = ["a"]
        let observed = try Self.applied(manifest)
        manifest.machines[0].spec.host = "b"
        manifest.machines.append(Self.machine("m1", host: "c"))
        let plan = Planner.plan(manifest, observed: observed)
        #expect(plan.problems.isEmpty && plan.steps.contains { $0.id == "c/VirtualMachine/m1/define" })
        #expect(
            Self.reasons(plan).contains(
                "VirtualMachine/m0 on a: is on host a and cannot move to host b: b: has no StoragePool/disks"),
            "\(Self.reasons(plan))")
    }

    /// What is off is compared with what it was copied from before its domain follows; only then does it grow.
    @Test func whatIsOffGrowsOnceItHasMoved() throws {
        var manifest = Self.fleet([Self.machine("m0", host: "a", disk: 1)])
        manifest.machines[0].spec.power = .stopped
        var observed = try Self.applied(manifest)
        manifest.machines[0].spec.host = "b"
        manifest.machines[0].spec.disks[0].declared?.size = .gibibytes(2)
        func order(_ plan: Plan) -> [String] {
            plan.steps.map(\.id).filter { $0.hasSuffix("/relocate") || $0.hasSuffix("/grow") }
        }
        let ids = ["b/VirtualMachine/m0/relocate", "b/Volume/m0.root/grow"]
        #expect(order(Planner.plan(manifest, observed: observed)) == ids)
        // Nor when its disk has moved already.
        var copy = try #require(observed["a"]?.volumes.first)
        observed["a"]?.volumes[0].status?.mark?.copy = .movedTo("b")
        copy.status?.mark?.copy = nil
        observed["b"]?.volumes = [copy]
        #expect(order(Planner.plan(manifest, observed: observed)) == ids)
    }

    /// Killed between the two marks, and its machine left the manifests: the copy that the other one was left for counts.
    @Test func aVolumeWithoutAMachineCountsWhereItMoved() throws {
        var manifest = Self.fleet([Self.machine("m0", host: "c")])
        manifest.volumes = [Volume(metadata: Metadata(name: "v0"), spec: .init(pool: "disks", size: .gibibytes(1)))]
        var observed = try Self.applied(manifest)
        let host = try #require(observed.first { !$0.value.volumes.isEmpty }?.key)
        var volume = try #require(observed[host]?.volumes.first)
        observed[host]?.volumes = []
        volume.status?.mark?.copy = .movedTo("b")
        observed["a"]?.volumes = [volume]
        volume.status?.mark?.copy = .incoming
        observed["b"]?.volumes = [volume]
        let plan = Planner.plan(manifest, observed: observed)
        #expect(
            plan.steps.map(\.id) == ["b/Volume/v0/mark", "a/Volume/v0/remove-copy"],
            "\(plan.steps.map(\.id)) \(Self.reasons(plan))")
        // One that may never have become whole does not count by itself.
        observed["a"]?.volumes = []
        let next = Planner.plan(manifest, observed: observed)
        #expect(next.steps.isEmpty && !next.blocked.isEmpty, "\(next.steps.map(\.id)) \(Self.reasons(next))")
    }
}
