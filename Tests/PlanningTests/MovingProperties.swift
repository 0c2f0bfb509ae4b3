import Foundation
import Model
import Planning
import TestSupport
import Testing

/// What holds while machines move between hosts, tried on generated fleets by the simulator.
@Suite struct MovingProperties {
    static let seeds = PlanningTests.SeededGenerator.seeds(150)
    private let everything = PlanOptions(allowance: .dataLoss)

    /// What may never be, whatever was done so far.
    private func check(_ simulator: Simulator, _ place: String) {
        var running: [String: Int] = [:]
        var counting: [String: Int] = [:]
        for host in simulator.hosts.values {
            for machine in host.machines where machine.status?.state == .running {
                running[machine.metadata.identity, default: 0] += 1
            }
            for volume in host.volumes where volume.status?.mark.map({ $0.copy == nil && !$0.retained }) == true {
                counting[volume.metadata.identity, default: 0] += 1
            }
        }
        #expect(running.values.allSatisfy { $0 == 1 }, "\(place): \(running)")
        #expect(counting.values.allSatisfy { $0 == 1 }, "\(place): \(counting)")
    }

    private func apply(_ plan: Plan, _ simulator: inout Simulator, first count: Int? = nil) throws {
        for step in plan.steps.prefix(count ?? plan.steps.count) {
            try simulator.apply(step)
            check(simulator, step.id)
        }
    }

    /// Plans and applies until nothing is left to do. What an interrupted move has left is settled before the next move.
    private func converge(_ simulator: inout Simulator, to manifest: FleetManifest, within rounds: Int) throws {
        for _ in 0..<rounds {
            let plan = Planner.plan(manifest, observed: simulator.observation(manifest), options: everything)
            try #require(plan.problems.isEmpty, "\(PlanText().render(plan))")
            try #require(plan.blocked.isEmpty, "\(PlanText().render(plan))")
            if plan.steps.isEmpty { return }
            try apply(plan, &simulator)
        }
        let plan = Planner.plan(manifest, observed: simulator.observation(manifest), options: everything)
        #expect(plan.isEmpty && plan.deferred.isEmpty, "\(PlanText().render(plan))")
    }

    /// Exactly one of each, and nothing of a move left.
    private func expectSettled(_ simulator: Simulator, _ manifest: FleetManifest) {
        for machine in manifest.machines {
            let hosts = simulator.hosts.filter { host in
                host.value.machines.contains { $0.metadata.identity == machine.metadata.identity }
            }.keys
            #expect(hosts.count == 1, "\(machine.metadata.identity): \(hosts)")
            if let wanted = machine.spec.host { #expect(Array(hosts) == [wanted]) }
        }
        let copies = simulator.hosts.values.flatMap(\.volumes).filter { $0.status?.mark?.copy != nil }
        #expect(copies.isEmpty, "\(copies.map(\.metadata.identity))")
    }

    @Test(arguments: seeds) func movedMachinesAreMovedOnce(seed: UInt64) throws {
        var fleet = MovingFleet(seed: seed)
        var simulator = Simulator.empty(fleet.manifest)
        try converge(&simulator, to: fleet.manifest, within: 1)
        for _ in 0..<3 {
            fleet.shuffle(image: true)
            try converge(&simulator, to: fleet.manifest, within: 1)
            expectSettled(simulator, fleet.manifest)
        }
    }

    /// Off, with a layer over an image that the manifests have no more: nothing of it moves, and the reason is told.
    @Test func whatIsOffStaysOverAnOldImage() throws {
        var fleet = MovingFleet(seed: 1)
        fleet.manifest.machines = Array(fleet.manifest.machines.prefix(1))
        fleet.manifest.machines[0].spec.power = .stopped
        fleet.manifest.machines[0].spec.disks[0].declared?.image = "i0"
        fleet.manifest.machines[0].spec.disks[0].declared?.clone = .linked
        fleet.manifest.machines[0].spec.host = "h0"
        var simulator = Simulator.empty(fleet.manifest)
        try converge(&simulator, to: fleet.manifest, within: 1)
        fleet.manifest.images[0].spec.sha256 = String(repeating: "b", count: 64)
        fleet.manifest.machines[0].spec.host = "h1"
        let plan = Planner.plan(
            fleet.manifest, observed: simulator.observation(fleet.manifest), options: everything)
        #expect(plan.steps.isEmpty)
        #expect(plan.blocked.contains { $0.reason.contains("is a layer over") }, "\(PlanText().render(plan))")
    }

    /// A part of a move alone would let an empty copy count.
    @Test(arguments: seeds) func aTargetIsNoHalfOfAMove(seed: UInt64) throws {
        var fleet = MovingFleet(seed: seed)
        var simulator = Simulator.empty(fleet.manifest)
        try converge(&simulator, to: fleet.manifest, within: 1)
        fleet.shuffle()
        var options = everything
        options.targets = Set(
            fleet.manifest.machines.flatMap { machine in
                machine.spec.disks.map { ResourceID(.volume, $0.volume ?? "\(machine.metadata.identity).\($0.name)") }
            })
        let plan = Planner.plan(fleet.manifest, observed: simulator.observation(fleet.manifest), options: options)
        for step in plan.steps {
            switch step.operation {
            case .removeCopy, .dropMachine, .migrateMachine, .relocateMachine: Issue.record("\(step.id)")
            case .markVolume(let volume): #expect(volume.status?.mark?.copy == nil, "\(step.id)")
            default: break
            }
        }
    }

    /// Cut off after any step, with other manifests than before: it converges, with one of each.
    @Test(arguments: seeds) func aMoveMayEndAnywhere(seed: UInt64) throws {
        var fleet = MovingFleet(seed: seed)
        var simulator = Simulator.empty(fleet.manifest)
        try converge(&simulator, to: fleet.manifest, within: 1)
        for _ in 0..<4 {
            fleet.shuffle()
            let plan = Planner.plan(
                fleet.manifest, observed: simulator.observation(fleet.manifest), options: everything)
            try #require(plan.problems.isEmpty && plan.blocked.isEmpty, "\(PlanText().render(plan))")
            try apply(plan, &simulator, first: fleet.number(upTo: plan.steps.count))
            // Half of the time somebody changes their mind meanwhile.
            if fleet.number(upTo: 1) == 0 { fleet.shuffle() }
            try converge(&simulator, to: fleet.manifest, within: 3)
            expectSettled(simulator, fleet.manifest)
        }
    }

    /// A host in maintenance ends empty where others have room, by live moves alone.
    @Test(arguments: seeds) func maintenanceEmptiesAHost(seed: UInt64) throws {
        var fleet = MovingFleet(seed: seed)
        for index in fleet.manifest.machines.indices { fleet.manifest.machines[index].spec.host = nil }
        var simulator = Simulator.empty(fleet.manifest)
        try converge(&simulator, to: fleet.manifest, within: 1)
        fleet.manifest.hosts[0].spec.maintenance = true
        let plan = Planner.plan(fleet.manifest, observed: simulator.observation(fleet.manifest))
        #expect(plan.deferred.isEmpty && plan.steps.allSatisfy { $0.disruption <= .live })
        try converge(&simulator, to: fleet.manifest, within: 1)
        #expect(simulator.hosts["h0"]?.machines.isEmpty == true)
        expectSettled(simulator, fleet.manifest)
    }

    /// Without leave to disturb what runs nothing of a move begins, and nothing is left of it.
    @Test(arguments: seeds) func aMoveThatIsNotAllowedDoesNotBegin(seed: UInt64) throws {
        var fleet = MovingFleet(seed: seed)
        var simulator = Simulator.empty(fleet.manifest)
        try converge(&simulator, to: fleet.manifest, within: 1)
        fleet.shuffle()
        let options = PlanOptions(allowance: .none)
        let plan = Planner.plan(fleet.manifest, observed: simulator.observation(fleet.manifest), options: options)
        try #require(plan.problems.isEmpty && plan.blocked.isEmpty, "\(PlanText().render(plan))")
        let before = simulator.hosts.mapValues { host in host.machines.filter { $0.status?.state == .running } }
        try apply(plan, &simulator)
        for (host, machines) in before {
            let there = Set(simulator.hosts[host]?.machines.map(\.metadata.identity) ?? [])
            #expect(machines.allSatisfy { there.contains($0.metadata.identity) })
        }
        let next = Planner.plan(fleet.manifest, observed: simulator.observation(fleet.manifest), options: options)
        #expect(next.isEmpty, "\(PlanText().render(next))")
    }
}

/// Fleets of several hosts whose machines change places, power and size.
struct MovingFleet {
    var manifest: FleetManifest
    private var random: PlanningTests.SeededGenerator
    private var hasNewImage = false

    init(seed: UInt64) {
        var random = PlanningTests.SeededGenerator(seed: seed)
        let count = Int.random(in: 2...4, using: &random)
        let hosts = (0..<count).map { index in
            KVMHost(
                metadata: Metadata(name: "h\(index)"),
                spec: .init(underlay: .init(address: IPAddress(ipv4: 192, 0, 2, UInt8(index + 1)))))
        }
        let image = Image(
            metadata: Metadata(name: "i0"),
            spec: .init(file: "i0", sha256: String(repeating: "a", count: 64), format: .qcow2))
        var manifest = FleetManifest(
            fleet: RandomFleet.fleet, hosts: hosts,
            pools: [StoragePool(metadata: Metadata(name: "p0"), spec: .init(path: "/var/lib/infra/p0"))],
            images: [image],
            networks: [Network(metadata: Metadata(name: "n0"), spec: .init(vxlan: .init(vni: 100), mtu: 1450))],
            volumes: [Volume(metadata: Metadata(name: "v0"), spec: .init(pool: "p0", size: .gibibytes(5)))])
        for index in 0..<4 {
            var spec = VirtualMachine.Spec(cpu: .init(count: 1), memory: .init(size: .mebibytes(128)))
            spec.disks = [
                .init(
                    name: "root", volume: nil,
                    declared: .init(
                        pool: "p0", size: .gibibytes(10), image: random.chance(60) ? "i0" : nil,
                        clone: random.chance(70) ? .linked : .full))
            ]
            if index == 0 { spec.disks.append(.init(name: "data", volume: "v0")) }
            if random.chance(60) { spec.interfaces = [.init(name: "eth0", network: "n0")] }
            if random.chance(50) { spec.cloudInit = CloudInit(hostname: "a") }
            spec.power = random.chance(60) ? .running : .stopped
            manifest.machines.append(VirtualMachine(metadata: Metadata(name: "m\(index)"), spec: spec))
        }
        self.manifest = manifest
        self.random = random
        shuffle()
    }

    mutating func number(upTo limit: Int) -> Int { Int.random(in: 0...limit, using: &random) }

    /// Gives machines other hosts, sizes and powers.
    ///
    /// - Parameter image: whether the image may get another version. Only what runs moves then, since what is off is moved
    ///   with what lies below its disks.
    mutating func shuffle(image: Bool = false) {
        let hosts = manifest.hosts.map(\.metadata.identity)
        let ran = manifest.machines.allSatisfy { $0.spec.power == .running }
        for index in manifest.machines.indices {
            if random.chance(70) { manifest.machines[index].spec.host = hosts.randomElement(using: &random) }
            if random.chance(20) { manifest.machines[index].spec.memory.size = .mebibytes(256) }
            if random.chance(20), !hasNewImage {
                manifest.machines[index].spec.power = random.chance(50) ? .running : .stopped
            }
            if random.chance(15), let size = manifest.machines[index].spec.disks[0].declared?.size {
                manifest.machines[index].spec.disks[0].declared?.size = ByteCount(size.bytes + (1 << 30))
            }
        }
        if image, ran, random.chance(50), manifest.machines.allSatisfy({ $0.spec.power == .running }) {
            hasNewImage = true
            manifest.images[0].spec.sha256 = String(repeating: random.chance(50) ? "b" : "c", count: 64)
        }
    }
}
