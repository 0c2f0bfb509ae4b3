import Model
import Planning
import TestSupport

/// Generated fleets of several hosts, with whatever placement reads: unequal hosts, pools on some of them, labels, affinities,
/// maintenance, hosts that are off or do not answer, strangers' domains.
struct PlacementFleet {
    var manifest: FleetManifest
    /// What is on each host before any plan.
    var observed: [String: HostInventory]

    init(seed: UInt64) {
        var random = TestSupport.SeededGenerator(seed: seed)
        let fleet = Fleet(
            metadata: RandomFleet.fleet.metadata, uuid: RandomFleet.fleet.uuid,
            placement: random.pick(.spread, .pack))
        let count = Int.random(in: 1...12, using: &random)
        let hosts = (0..<count).map { Self.host($0, &random) }
        let names = hosts.map(\.metadata.name)
        var manifest = FleetManifest(fleet: fleet, hosts: hosts)
        for index in 0..<2 {
            let some = names.filter { _ in random.chance(2) }
            manifest.pools.append(
                StoragePool(
                    metadata: Metadata(name: "p\(index)"),
                    spec: .init(
                        hosts: index == 0 ? [] : some, path: "/var/lib/infra/p\(index)",
                        overcommit: random.pick(1, 2), capacity: random.pick(nil, .gibibytes(200)))))
        }
        manifest.networks = [
            Network(metadata: Metadata(name: "wide"), spec: .init(vxlan: .init(vni: 100), mtu: 1450)),
            Network(metadata: Metadata(name: "narrow"), spec: .init(mtu: 1500)),
        ]
        for index in 0..<Int.random(in: 1...40, using: &random) {
            manifest.machines.append(Self.machine(index, names, &random))
        }
        manifest.machines.sort { $0.metadata.identity < $1.metadata.identity }
        self.manifest = manifest
        observed = Simulator.empty(manifest).observation(manifest)
        for name in names {
            observed[name]?.host.status?.cpu = Int.random(in: 2...32, using: &random)
            observed[name]?.host.status?.memory = .gibibytes(UInt64.random(in: 2...64, using: &random))
            observed[name]?.host.status?.accelerator = random.pick(.tcg, .kvm)
            guard random.chance(4) else { continue }
            observed[name]?.foreign = [
                ForeignObject(kind: .domain, name: "stranger", cpu: 1, memory: .gibibytes(1))
            ]
        }
        guard random.chance(3) else { return }
        self.manifest.pools[1].spec.leases = true
        for name in names {
            observed[name]?.leases = random.pick(
                nil, Leases(), Leases(), Leases(obstacle: "libvirt has no lock manager"))
        }
    }

    private static func host(_ index: Int, _ random: inout TestSupport.SeededGenerator) -> KVMHost {
        KVMHost(
            metadata: Metadata(
                name: "h\(index < 10 ? "0" : "")\(index)", labels: random.chance(2) ? ["room": "a"] : [:]),
            spec: .init(
                reserve: random.chance(3) ? .init(cpu: 1, memory: .gibibytes(1)) : .init(),
                overcommit: .init(cpu: random.pick(1, 1.5, 4), memory: random.pick(1, 1.25)),
                underlay: random.chance(5)
                    ? nil : .init(address: IPAddress(ipv4: 192, 0, 2, UInt8(index + 1))),
                maintenance: random.chance(10)))
    }

    private static func machine(
        _ index: Int, _ hosts: [String], _ random: inout TestSupport.SeededGenerator
    ) -> VirtualMachine {
        let team = "t\(Int.random(in: 0..<4, using: &random))"
        var spec = VirtualMachine.Spec(
            cpu: .init(count: Int.random(in: 1...4, using: &random)),
            memory: .init(size: .mebibytes(UInt64.random(in: 1...8, using: &random) * 512)))
        if random.chance(8) { spec.accelerator = .kvm }
        if random.chance(10) {
            spec.host = random.pick(from: hosts)
        } else {
            if random.chance(6) { spec.placement.hostSelector = ["room": "a"] }
            if random.chance(6) { spec.placement.antiAffinity = [["team": team]] }
            if random.chance(8) { spec.placement.affinity = [["team": "t\(Int.random(in: 0..<4, using: &random))"]] }
        }
        if random.chance(2) {
            let pool = random.chance(4) ? "p1" : "p0"
            spec.disks = [
                .init(
                    name: "root", volume: nil, declared: .init(pool: pool, size: .gibibytes(UInt64(index % 7 + 1) * 5)))
            ]
        }
        if random.chance(3) {
            spec.interfaces = [.init(name: "eth0", network: random.chance(6) ? "narrow" : "wide")]
        }
        return VirtualMachine(
            metadata: Metadata(
                name: "m\(index < 10 ? "0" : "")\(index)", labels: random.chance(2) ? ["team": team] : [:]),
            spec: spec)
    }
}
