import Foundation
import Model
import Planning
import TestSupport
import Testing

/// What holds for every fleet, tried on generated ones by the simulator.
@Suite struct PlanningProperties {
    static let seeds = PlanningTests.SeededGenerator.seeds(60)
    let everything = PlanOptions(allowance: .dataLoss, now: RandomFleet.now(0))

    private func converge(
        _ simulator: inout Simulator, to manifest: FleetManifest, _ options: PlanOptions? = nil
    ) throws -> Plan {
        let options = options ?? everything
        let plan = Planner.plan(manifest, observed: simulator.observation(manifest), options: options)
        try #require(plan.problems.isEmpty, "\(plan.problems)")
        try #require(plan.blocked.isEmpty, "\(plan.blocked)")
        #expect(Set(plan.steps.map(\.id)).count == plan.steps.count)
        try simulator.apply(plan)
        return Planner.plan(manifest, observed: simulator.observation(manifest), options: options)
    }

    @Test(arguments: seeds) func anAppliedPlanLeavesNothingToDo(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var simulator = Simulator.empty(RandomFleet.make(&random, generation: 0))
        if seed.isMultiple(of: 2) { simulator.hosts["h0"]?.shaping = .rules }
        if seed.isMultiple(of: 3) {
            simulator.hosts["h0"]?.boot = BootConfiguration(makesLinks: true, loadsFirewall: true)
        }
        for generation in 0..<4 {
            let options = PlanOptions(allowance: .dataLoss, now: RandomFleet.now(generation))
            let next = try converge(&simulator, to: RandomFleet.make(&random, generation: generation), options)
            #expect(next.isEmpty && next.deferred.isEmpty, "\(PlanText().render(next))")
        }
    }

    @Test(arguments: seeds) func theWayDoesNotMatter(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let fleets = (0..<3).map { RandomFleet.make(&random, generation: $0) }
        let options = (0..<3).map { PlanOptions(allowance: .dataLoss, now: RandomFleet.now($0)) }
        var long = Simulator.empty(fleets[0])
        for (fleet, options) in zip(fleets, options) { _ = try converge(&long, to: fleet, options) }
        var short = Simulator.empty(fleets[0])
        _ = try converge(&short, to: fleets[2], options[2])
        let ends = try [long, short].map { try #require($0.hosts["h0"]) }
        func sorted<Value>(_ values: [Value], by key: (Value) -> String) -> [Value] {
            values.sorted { key($0) < key($1) }
        }
        let machines = ends.map { end in
            sorted(end.machines.map(\.withoutFolders)) { $0.metadata.identity }
        }
        #expect(machines[0] == machines[1])
        #expect(
            sorted(ends[0].networks) { $0.metadata.identity }.map(\.status)
                == sorted(ends[1].networks) { $0.metadata.identity }.map(\.status))
        let filters = ends.map { $0.firewall ?? Firewall() }
        #expect(filters[0].isTheSame(as: filters[1]))
        #expect(ends[0].evpn == ends[1].evpn)
        #expect(ends[0].pools.map(\.metadata.identity).sorted() == ends[1].pools.map(\.metadata.identity).sorted())
        // What snapshots keep is of the way.
        let volumes = ends[1].volumes.filter { $0.status?.mark?.part == nil }
        let wanted = Set(volumes.map(\.metadata.identity))
        let sizes = ends.map { end in
            end.volumes.filter { wanted.contains($0.metadata.identity) }.map {
                "\($0.metadata.identity) \($0.spec.size)"
            }
            .sorted()
        }
        #expect(sizes[0] == sizes[1])
    }

    @Test(arguments: seeds) func equalArgumentsGiveAnEqualPlan(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let first = RandomFleet.make(&random, generation: 0)
        var simulator = Simulator.empty(first)
        _ = try converge(&simulator, to: first)
        var second = RandomFleet.make(&random, generation: 1)
        let plan = Planner.plan(second, observed: simulator.observation(second), options: everything)
        #expect(Planner.plan(second, observed: simulator.observation(second), options: everything) == plan)
        let decoded = try JSONDecoder().decode(Plan.self, from: JSONEncoder().encode(plan))
        #expect(decoded == plan)
        second.machines.reverse()
        let reversed = Planner.plan(second, observed: simulator.observation(second), options: everything)
        #expect(Set(reversed.steps) == Set(plan.steps))
    }

    /// A run that is killed after any number of steps is finished by the next one.
    @Test(arguments: seeds) func aRunMayEndAnywhere(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var simulator = Simulator.empty(RandomFleet.make(&random, generation: 0))
        for generation in 0..<4 {
            let manifest = RandomFleet.make(&random, generation: generation)
            let options = PlanOptions(allowance: .dataLoss, now: RandomFleet.now(generation))
            let plan = Planner.plan(manifest, observed: simulator.observation(manifest), options: options)
            for step in plan.steps.prefix(Int.random(in: 0...plan.steps.count, using: &random)) {
                try simulator.apply(step)
            }
            let next = try converge(&simulator, to: manifest, options)
            #expect(next.isEmpty && next.deferred.isEmpty, "\(PlanText().render(next))")
        }
    }

    @Test(arguments: seeds, [Disruption.none, .live, .restart, .stop])
    func nothingExceedsTheAllowance(seed: UInt64, allowance: Disruption) throws {
        var random = SeededGenerator(seed: seed)
        let first = RandomFleet.make(&random, generation: 0)
        var simulator = Simulator.empty(first)
        _ = try converge(&simulator, to: first)
        let volumes = Set(try #require(simulator.hosts["h0"]).volumes.map(\.metadata.identity))
        let manifest = RandomFleet.make(&random, generation: 1)
        let options = PlanOptions(allowance: allowance, now: RandomFleet.now(1))
        let plan = Planner.plan(
            manifest, observed: simulator.observation(manifest), options: options)
        #expect(plan.steps.allSatisfy { $0.disruption <= allowance })
        let deferred = Set(plan.deferred.map(\.id))
        #expect(plan.steps.allSatisfy { $0.after.allSatisfy { !deferred.contains($0) } })
        try simulator.apply(plan)
        #expect(volumes.isSubset(of: Set(try #require(simulator.hosts["h0"]).volumes.map(\.metadata.identity))))
        let next = Planner.plan(manifest, observed: simulator.observation(manifest), options: options)
        #expect(next.isEmpty, "\(PlanText().render(plan))\(PlanText().render(next))")
        #expect(next.deferred.isEmpty == plan.deferred.isEmpty)
    }

    /// Without a word nothing goes of what snapshots keep. With the policy's, only where another one is taken in the same run, at most
    /// two of the oldest, once it is; with any, what it keeps stays.
    @Test(arguments: seeds, [PlanOptions(), PlanOptions(rotatesSnapshots: true), PlanOptions(allowance: .dataLoss)])
    func snapshotsKeepWhatTheySay(seed: UInt64, options: PlanOptions) throws {
        var random = SeededGenerator(seed: seed)
        var manifest = RandomFleet.make(&random, generation: 0)
        manifest.snapshots = manifest.machines.prefix(2).enumerated().map { index, machine in
            Snapshot(
                metadata: Metadata(name: "k\(index)"),
                spec: .init(
                    machine: machine.metadata.identity, keep: Int.random(in: 1...3, using: &random),
                    schedule: .every(seconds: 86_400)))
        }
        var simulator = Simulator.empty(manifest)
        func kept(_ snapshot: Snapshot) -> Set<Moment> {
            Set(
                (simulator.hosts["h0"]?.volumes ?? []).compactMap(\.status?.mark?.part).filter {
                    $0.snapshot == snapshot.metadata.identity
                }.map(\.moment))
        }
        for day in 0..<6 {
            var options = options
            options.now = RandomFleet.now(day)
            if day == 4 { for index in manifest.snapshots.indices { manifest.snapshots[index].spec.keep = 1 } }
            let before = manifest.snapshots.map(kept)
            let plan = Planner.plan(manifest, observed: simulator.observation(manifest), options: options)
            try #require(plan.problems.isEmpty && plan.blocked.isEmpty, "\(PlanText().render(plan))")
            try simulator.apply(plan)
            for (snapshot, before) in zip(manifest.snapshots, before) {
                let now = kept(snapshot)
                let gone = before.subtracting(now)
                #expect(now.contains(RandomFleet.now(day)))
                #expect(now.count >= min(snapshot.spec.keep, before.count + 1))
                #expect(gone.allSatisfy { old in now.allSatisfy { old < $0 } })
                if options.allowance == .dataLoss {
                    #expect(now.count <= snapshot.spec.keep)
                } else {
                    #expect(gone.count <= (options.rotatesSnapshots ? 2 : 0))
                }
            }
            let next = Planner.plan(manifest, observed: simulator.observation(manifest), options: options)
            #expect(next.isEmpty && next.deferred.isEmpty, "\(PlanText().render(next))")
        }
    }

    /// Whatever is deferred: who runs and had rules has rules at every moment, unless the manifests want none.
    @Test(arguments: seeds, [Disruption.live, .dataLoss])
    func whatRunsStaysFiltered(seed: UInt64, allowance: Disruption) throws {
        var random = SeededGenerator(seed: seed)
        var simulator = Simulator.empty(RandomFleet.make(&random, generation: 0))
        for generation in 0..<3 {
            let manifest = RandomFleet.make(&random, generation: generation)
            let unfiltered = Set(
                manifest.machines.flatMap { machine in
                    machine.spec.interfaces.filter { !$0.spoofProtection && $0.securityGroups.isEmpty }.map {
                        "\(machine.metadata.identity)/\($0.name)"
                    }
                })
            let before = Set(simulator.hosts["h0"]?.firewall?.ports.map(\.title) ?? []).subtracting(unfiltered)
            let plan = Planner.plan(
                manifest, observed: simulator.observation(manifest), options: PlanOptions(allowance: allowance))
            for step in plan.steps {
                try simulator.apply(step)
                let host = try #require(simulator.hosts["h0"])
                let ports = Set((host.firewall?.ports ?? []).map(\.title))
                for machine in host.machines where machine.status?.state.isActive == true {
                    for interface in (machine.status?.live ?? machine.spec).interfaces {
                        let title = "\(machine.metadata.identity)/\(interface.name)"
                        #expect(!before.contains(title) || ports.contains(title), "\(step.id): \(title)")
                    }
                }
            }
        }
    }

    /// Destroying keeps every volume whose mark does not say otherwise, and what that volume is a layer over.
    @Test(arguments: seeds) func destroyKeepsData(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let manifest = RandomFleet.make(&random, generation: 0)
        var simulator = Simulator.empty(manifest)
        _ = try converge(&simulator, to: manifest)
        let options = PlanOptions(allowance: .dataLoss, destroys: true, now: RandomFleet.now(0))
        let plan = Planner.plan(manifest, observed: simulator.observation(manifest), options: options)
        let kept = try #require(simulator.hosts["h0"]).volumes.filter { $0.status?.mark?.deletion == .retain }
        for step in plan.steps {
            if case .removeVolume(let volume) = step.operation {
                #expect(!kept.contains { $0.metadata.identity == volume.metadata.identity })
            }
            if case .removeImage(let image) = step.operation {
                #expect(!kept.contains { $0.status?.backing == image.status?.path })
            }
        }
        let next = try converge(&simulator, to: manifest, options)
        #expect(next.isEmpty && next.deferred.isEmpty, "\(PlanText().render(next))")
        #expect(try #require(simulator.hosts["h0"]).machines.isEmpty)
    }

    /// Whatever a stranger made, named by manifests: the plan only adopts, and then there is nothing to do. Cut off
    /// anywhere, the next run goes on.
    @Test(arguments: seeds) func adoptingChangesNothing(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        // No UUID of libvirt's names a volume group.
        var manifest = RandomFleet.make(&random, generation: 0, hasGroup: false)
        // Nobody else's volumes are parts of snapshots.
        manifest.snapshots = []
        for index in manifest.machines.indices {
            manifest.machines[index].spec.cloudInit = nil
            manifest.machines[index].spec.boot = nil
            for place in manifest.machines[index].spec.interfaces.indices {
                // A stranger has no firewall of ours.
                manifest.machines[index].spec.interfaces[place].spoofProtection = false
                manifest.machines[index].spec.interfaces[place].securityGroups = []
                manifest.machines[index].spec.interfaces[place].bandwidth = nil
            }
        }
        // Nor is a link that learns by a stranger's EVPN adopted.
        for index in manifest.networks.indices {
            manifest.networks[index].spec.vxlan?.flooding = .static
            // VLANs are made.
            manifest.networks[index].spec.vlan = nil
        }
        var made = Simulator.empty(manifest)
        _ = try converge(&made, to: manifest)
        let stranger = made.unmarked()
        let wanted = try adopting(manifest, made)
        var simulator = stranger
        let plan = Planner.plan(wanted, observed: simulator.observation(wanted))
        #expect(plan.isAdoption, "\(PlanText().render(plan))")
        for step in plan.steps.prefix(Int.random(in: 0...plan.steps.count, using: &random)) {
            try simulator.apply(step)
        }
        let next = try converge(&simulator, to: wanted, PlanOptions(allowance: .none))
        #expect(next.isEmpty && next.deferred.isEmpty, "\(PlanText().render(next))")
        // Adopted, they go as the others do, but for pools and links, which stay.
        let destroys = PlanOptions(allowance: .dataLoss, destroys: true)
        let last = Planner.plan(wanted, observed: simulator.observation(wanted), options: destroys)
        #expect(
            last.steps.allSatisfy { step in
                step.resource.kind != .storagePool && step.resource.kind != .network || step.action == .release
            }, "\(PlanText().render(last))")
        #expect(try converge(&simulator, to: wanted, destroys).isEmpty)
    }

    /// The manifests that name what was made by others: machines and pools by UUID, links and files by name.
    private func adopting(_ manifest: FleetManifest, _ made: Simulator) throws -> FleetManifest {
        let host = try #require(made.hosts["h0"])
        var wanted = manifest
        wanted.fleet.uuid = UUID()
        wanted.fleet.metadata.id = wanted.fleet.uuid.lowercased
        wanted.volumes = host.volumes.map { volume in
            var volume = volume
            volume.metadata = Metadata(name: volume.metadata.identity.replacing(".", with: "-"))
            volume.spec.file = volume.status.flatMap { $0.path.split(separator: "/").last.map(String.init) }
            volume.spec.image = nil
            volume.status = nil
            return volume
        }
        for index in wanted.pools.indices {
            let id = wanted.pools[index].metadata.identity
            wanted.pools[index].metadata.uuid = host.pools.first { $0.metadata.identity == id }?.status?.uuid
        }
        for index in wanted.networks.indices {
            let id = wanted.networks[index].metadata.identity
            let status = host.networks.first { $0.metadata.identity == id }?.status
            wanted.networks[index].spec.bridgeName = status?.bridge?.name
            wanted.networks[index].spec.vxlan?.name = status?.tunnel?.name
            // DHCP of others carries no mark that could be taken over; ours would be made.
            wanted.networks[index].spec.subnet?.servesDHCP = false
        }
        for index in wanted.machines.indices {
            let machine = wanted.machines[index]
            let seen = try #require(host.machines.first { $0.metadata.identity == machine.metadata.identity })
            wanted.machines[index].metadata.uuid = seen.status?.uuid
            wanted.machines[index].spec.console.serialLog = false
            wanted.machines[index].spec.ignoreChanges = ["console.serial.log"]
            wanted.machines[index].spec.disks = seen.spec.disks.map {
                .init(name: $0.name, volume: $0.volume?.replacing(".", with: "-"), bus: $0.bus, bootOrder: $0.bootOrder)
            }
            wanted.machines[index].spec.interfaces = seen.spec.interfaces.map {
                .init(name: $0.name, network: $0.network, mac: $0.mac, model: $0.model, spoofProtection: false)
            }
        }
        return wanted
    }
}

extension Plan {
    /// Whether it does nothing but adopt, without disturbing anything.
    fileprivate var isAdoption: Bool {
        problems.isEmpty && blocked.isEmpty && deferred.isEmpty
            && steps.allSatisfy { $0.action == .adopt && $0.disruption == .none }
    }
}

extension VirtualMachine {
    /// Its seed and its kernel stay in the pool where they were made.
    fileprivate var withoutFolders: VirtualMachine {
        var machine = self
        machine.spec = spec.withoutFolders
        let live = status?.live?.withoutFolders
        machine.status?.live = live
        return machine
    }
}

extension VirtualMachine.Spec {
    fileprivate var withoutFolders: VirtualMachine.Spec {
        func name(_ path: String?) -> String? { path?.split(separator: "/").last.map { String($0) } }
        var spec = self
        spec.seed = seed.flatMap { name($0.path) }.map { VirtualMachine.Seed(path: $0) }
        let (kernel, initrd) = (name(boot?.kernelPath), name(boot?.initrdPath))
        // Which of its two names a file has is of the way.
        for index in disks.indices {
            let path = disks[index].path?.replacing("-b.qcow2", with: ".qcow2")
            spec.disks[index].path = path
        }
        spec.boot?.kernelPath = kernel
        spec.boot?.initrdPath = initrd
        return spec
    }
}
