import Foundation
import Model

/// A generator with a seed (SplitMix64), so that a failure can be repeated.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }

    mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self) < percent }

    /// The seeds of a property: the first ones, or what `SEEDS` says, such as `SEEDS=1-5000`.
    static func seeds(_ count: UInt64) -> [UInt64] {
        let said = ProcessInfo.processInfo.environment["SEEDS"]?.split(separator: "-").compactMap { UInt64($0) } ?? []
        guard said.count == 2, said[0] <= said[1] else { return Array(1...count) }
        return Array(said[0]...said[1])
    }
}

/// Fleets over a small set of names, so that two of them share some resources, change some and lack some.
enum RandomFleet {
    static let fleet = Fleet(
        metadata: Metadata(name: "random", id: "6f0a1d52-3c0e-4b3e-9a57-0d3c9b7e5f11"),
        uuid: UUID(
            uuid: (0x6f, 0x0a, 0x1d, 0x52, 0x3c, 0x0e, 0x4b, 0x3e, 0x9a, 0x57, 0x0d, 0x3c, 0x9b, 0x7e, 0x5f, 0x11)))

    /// - Parameter generation: Volumes only grow, so a later fleet has larger ones.
    /// - Parameter hasGroup: Whether some disks lie in a volume group.
    static func make(
        _ random: inout SeededGenerator, generation: Int, hasGroup: Bool = true
    ) -> FleetManifest {
        var host = KVMHost(metadata: Metadata(name: "h0"))
        host.spec.underlay = KVMHost.Underlay(address: IPAddress(ipv4: 192, 0, 2, 11))
        var fleet = fleet
        fleet.evpn = Fleet.Routing(
            asn: random.chance(80) ? 65_000 : 65_001,
            routeReflectors: random.chance(30) ? [IPAddress(ipv4: 192, 0, 2, 250)] : [])
        var manifest = FleetManifest(
            fleet: fleet, hosts: [host],
            pools: ["p0", "p1"].map {
                StoragePool(metadata: Metadata(name: $0), spec: .init(path: "/var/lib/infra/\($0)"))
            },
            images: [
                image(
                    "i0", String(repeating: random.chance(80) ? "a" : "b", count: 64), .qcow2,
                    isFetched: random.chance(30)),
                image("k0", String(repeating: random.chance(80) ? "c" : "d", count: 64), .kernel),
            ])
        if hasGroup { manifest.pools.insert(group(generation), at: 0) }
        let identifiers = [10, 11, 12].shuffled(using: &random)
        for index in 0..<3 where random.chance(70) {
            manifest.networks.append(network(index, vni: identifiers[index], &random))
        }
        for index in 0..<3 where random.chance(60) {
            manifest.volumes.append(
                Volume(metadata: Metadata(name: "v\(index)"), spec: disk(index, generation, hasGroup, &random)))
        }
        // Some begin as copies of the first.
        if manifest.volumes.first?.metadata.name == "v0" {
            for index in manifest.volumes.indices.dropFirst() where random.chance(30) {
                manifest.volumes[index].spec.image = nil
                manifest.volumes[index].spec.source = "v0"
                manifest.volumes[index].spec.clone = .full
            }
        }
        var free = manifest.volumes.map(\.metadata.identity)
        for index in 0..<5 where random.chance(70) {
            manifest.machines.append(machine(index, generation, hasGroup, manifest, &free, &random))
        }
        for index in 0..<2 where random.chance(50) { addSnapshot(index, &manifest, &random) }
        // A day less than two: what is deleted in one generation goes in the one after the next.
        if random.chance(50) { manifest.fleet.deletedVolumes = Fleet.DeletedVolumes(keepFor: 90_000) }
        return manifest
    }

    /// Of a machine or of a volume, where there is one. Each generation of the fleet is a day later.
    private static func addSnapshot(
        _ index: Int, _ manifest: inout FleetManifest, _ random: inout SeededGenerator
    ) {
        var spec = Snapshot.Spec(
            pool: random.chance(50) ? "p1" : nil, deletion: random.chance(30) ? .delete : .retain,
            reuse: random.chance(50))
        if random.chance(50) {
            spec.schedule = random.chance(50) ? .every(seconds: 43_200) : .daily(minute: 120)
            spec.keep = Int.random(in: 1...3, using: &random)
        }
        if random.chance(70), let machine = manifest.machines.randomElement(using: &random) {
            spec.machine = machine.metadata.identity
        } else if let volume = manifest.volumes.randomElement(using: &random) {
            spec.volume = volume.metadata.identity
        } else {
            return
        }
        manifest.snapshots.append(Snapshot(metadata: Metadata(name: "s\(index)"), spec: spec))
    }

    /// The time at which a generation of the fleet is applied.
    static func now(_ generation: Int) -> Moment { Moment(seconds: 1_796_000_000 + Int64(generation) * 86_400) }

    private static func image(
        _ name: String, _ sha256: String, _ format: Image.Format, isFetched: Bool = false
    ) -> Image {
        let (file, url) = isFetched ? (nil, "https://images.example/\(name)") : (name, nil)
        return Image(
            metadata: Metadata(name: name), spec: .init(file: file, url: url, sha256: sha256, format: format))
    }

    private static func network(_ index: Int, vni: Int, _ random: inout SeededGenerator) -> Network {
        let flooding: Network.Flooding = random.chance(30) ? .evpn : .static
        let peers = flooding == .static && random.chance(40) ? [IPAddress(ipv4: 192, 0, 2, 99)] : []
        let mtu = random.chance(80) ? 1450 : 1400
        return Network(
            metadata: Metadata(name: "n\(index)"),
            spec: .init(
                vxlan: random.chance(80)
                    ? .init(vni: vni, port: random.chance(90) ? 4789 : 4790, flooding: flooding, peers: peers) : nil,
                mtu: mtu, subnet: subnet(&random),
                // Networks exchange their VLANs from one generation to the next.
                vlan: random.chance(40)
                    ? Network.VLAN(
                        host: "h0", interface: random.chance(70) ? "eth1" : "eth2", id: vni) : nil,
                hosts: random.chance(20) ? ["h0"] : [],
                securityGroups: groups(&random)))
    }

    /// With DHCP more often than not. The machines' addresses are in it.
    private static func subnet(_ random: inout SeededGenerator) -> Network.Subnet? {
        guard random.chance(70), let cidr = CIDR("10.0.0.0/24") else { return nil }
        return Network.Subnet(
            cidr: cidr, gateway: IPAddress(ipv4: 10, 0, 0, random.chance(80) ? 1 : 2), servesDHCP: random.chance(70),
            dns: random.chance(30) ? [IPAddress(ipv4: 192, 0, 2, 53)] : [])
    }

    private static func groups(_ random: inout SeededGenerator) -> [SecurityGroup] {
        let port = random.chance(50) ? 80 : 81
        return [
            SecurityGroup(name: "a", isStateful: random.chance(50)),
            SecurityGroup(name: "b", ingress: [.init(transport: .tcp, port: port, group: "a")]),
        ]
    }

    private static func group(_ generation: Int) -> StoragePool {
        StoragePool(
            metadata: Metadata(name: "g0"),
            spec: .init(
                .lvm(
                    .init(
                        volumeGroup: "vg0",
                        devices: Array(["/dev/sdb", "/dev/sdc", "/dev/sdd"].prefix(generation + 1)),
                        thinPool: .init(
                            name: "thin", size: .bytes(.gibibytes(UInt64(1000 + generation))), overprovision: 2,
                            autoextend: generation.isMultiple(of: 2) ? nil : .init(threshold: 80, by: 10 + generation)),
                        images: "p0"))))
    }

    private static func disk(
        _ index: Int, _ generation: Int, _ hasGroup: Bool, _ random: inout SeededGenerator
    ) -> Volume.Spec {
        // A disk moves to another pool from one generation to the next.
        let place = random.chance(75) ? index : (index + 1) % 3
        let isLogical = hasGroup && place == 2
        return Volume.Spec(
            pool: isLogical ? "g0" : "p\(place % 2)", size: .gibibytes(UInt64(10 + generation)),
            image: index == 0 || isLogical ? "i0" : nil, clone: isLogical || random.chance(25) ? .full : .linked,
            format: isLogical ? .raw : .qcow2, deletion: random.chance(30) ? .delete : .retain, reuse: true)
    }

    private static func machine(
        _ index: Int, _ generation: Int, _ hasGroup: Bool, _ manifest: FleetManifest, _ free: inout [String],
        _ random: inout SeededGenerator
    ) -> VirtualMachine {
        var spec = VirtualMachine.Spec(
            cpu: .init(count: Int.random(in: 1...4, using: &random)),
            memory: .init(size: .mebibytes([128, 256, 512].randomElement(using: &random) ?? 128)))
        spec.disks = (0..<3).compactMap { number in
            guard number == 0 || random.chance(40) else { return nil }
            return .init(name: "d\(number)", volume: nil, declared: disk(number, generation, hasGroup, &random))
        }
        for (name, chance) in [("x", 40), ("y", 25)] where random.chance(chance) {
            if let volume = free.popLast() { spec.disks.append(.init(name: name, volume: volume)) }
        }
        spec.interfaces = manifest.networks.compactMap { network in
            guard random.chance(50) else { return nil }
            return .init(
                name: "e\(network.metadata.name)", network: network.metadata.name,
                address: random.chance(50) ? IPAddress(ipv4: 10, 0, 0, UInt8(10 + index)) : nil,
                spoofProtection: random.chance(80), securityGroups: random.chance(30) ? ["a"] : [],
                bandwidth: random.chance(20)
                    ? Bandwidth(inbound: .init(average: BitRate(kilobytes: random.chance(50) ? 1000 : 2000))) : nil)
        }
        if random.chance(20) { spec.boot = .init(kernel: "k0", commandLine: "console=ttyS0") }
        if random.chance(50) { spec.cloudInit = CloudInit(hostname: random.chance(50) ? "a" : "b") }
        spec.power = random.chance(80) ? .running : .stopped
        spec.autostart = random.chance(50)
        spec.unmanagedDevices = random.chance(80) ? .keep : .remove
        let name = "m\(index)"
        return VirtualMachine(
            metadata: random.chance(85) ? Metadata(name: name) : Metadata(name: name + "-new", id: name), spec: spec)
    }
}
