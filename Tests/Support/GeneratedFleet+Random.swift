import Foundation
public import Model

extension GeneratedFleet {
    /// A random valid fleet with that many machines. Every field takes other values than its default now and then.
    public static func random(seed: UInt64, machines count: Int) -> FleetManifest {
        var random = SeededGenerator(seed: seed)
        let uuid = self.uuid(&random)
        let hosts = [host(1, &random)]
        let names = hosts.map(\.metadata.identity)
        let pools = (1...Int.random(in: 1...2, using: &random)).map { index in
            StoragePool(
                metadata: metadata("pool-\(index)", &random),
                spec: StoragePool.Spec(
                    hosts: index == 1 ? [] : names, path: "/var/lib/infra/pool-\(index)",
                    overcommit: random.pick(1, 1.25, 10), capacity: random.pick(nil, .gibibytes(4000))))
        }
        let images = [
            image("tiny", .qcow2, &random), image("plain", .raw, &random), image("linux", .kernel, &random),
            image("ram", .initrd, &random),
        ].sorted { $0.metadata.identity < $1.metadata.identity }
        let networks = (1...3).map { network($0, hosts: names, &random) }
        var fleet = FleetManifest(
            fleet: Fleet(
                metadata: Metadata(name: "fleet-\(seed % 100)", id: uuid.lowercased), uuid: uuid,
                policy: Fleet.Policy(
                    unattended: random.pick(.live, .off, .restart), prune: random.chance(3),
                    deletionBudget: random.pick(1, 5), drift: random.pick(.correct, .report))),
            hosts: hosts, pools: pools, images: images, networks: networks)
        for index in 0..<count { addMachine(index, to: &fleet, &random) }
        fleet.pools.sort { $0.metadata.identity < $1.metadata.identity }
        fleet.networks.sort { $0.metadata.identity < $1.metadata.identity }
        fleet.volumes.sort { $0.metadata.identity < $1.metadata.identity }
        fleet.machines.sort { $0.metadata.identity < $1.metadata.identity }
        return fleet
    }

    static func uuid(_ random: inout SeededGenerator) -> UUID {
        let bytes = (0..<16).map { _ in UInt8.random(in: 0...255, using: &random) }
        return bytes.withUnsafeBytes { UUID(uuid: $0.loadUnaligned(as: uuid_t.self)) }
    }

    private static func metadata(_ name: String, _ random: inout SeededGenerator) -> Metadata {
        Metadata(
            name: name, id: random.chance(6) ? "was-\(name)" : nil,
            labels: random.chance(3) ? ["team": random.pick("design", "Sales", "on", "7"), "room": "a/b.c"] : [:])
    }

    private static func host(_ index: Int, _ random: inout SeededGenerator) -> KVMHost {
        KVMHost(
            metadata: Metadata(name: "server-\(index)", labels: random.chance(2) ? ["room": "a"] : [:]),
            spec: KVMHost.Spec(
                capacity: KVMHost.Amount(cpu: 4096, memory: .gibibytes(16_384)),
                reserve: KVMHost.Amount(cpu: random.pick(nil, 1), memory: random.pick(nil, .mebibytes(512))),
                overcommit: KVMHost.Overcommit(cpu: random.pick(1, 1.25, 4), memory: random.pick(1, 1.5)),
                storageRoots: random.pick(["/var/lib/infra"], ["/srv/other", "/var/lib/infra"]),
                underlay: KVMHost.Underlay(
                    address: IPAddress(ipv4: 192, 0, 2, UInt8(10 + index)), interface: random.pick(nil, "eth0")),
                accelerator: random.pick(.auto, .tcg)))
    }

    private static func image(
        _ name: String, _ format: Image.Format, _ random: inout SeededGenerator
    ) -> Image {
        let digest = (0..<32).map { _ in UInt8.random(in: 0...255, using: &random) }.hexDigits
        let file = random.pick("\(name).img", "images/a b/\(name)", nil)
        let url = file == nil ? "https://images.example/\(name).img" : nil
        return Image(
            metadata: metadata(name, &random),
            spec: Image.Spec(file: file, url: url, sha256: digest, format: format))
    }

    private static func securityGroup(_ random: inout SeededGenerator) -> SecurityGroup {
        SecurityGroup(
            name: "web", isStateful: random.chance(2),
            ingress: [
                .init(transport: .tcp, port: 80, endPort: random.pick(nil, 90), cidr: CIDR("10.0.0.0/8")),
                .init(transport: .icmp),
            ])
    }

    private static func network(
        _ index: Int, hosts: [String], _ random: inout SeededGenerator
    ) -> Network {
        let isTunnel = random.chance(2)
        let vxlan = Network.VXLAN(
            vni: 10_000 + index, port: random.pick(4789, 8472),
            peers: random.chance(3) ? [IPAddress(ipv4: 192, 0, 2, 200)] : [])
        let isServed = random.chance(3)
        let subnet = CIDR("10.\(20 + index).0.0/16").map { cidr in
            Network.Subnet(
                cidr: cidr, gateway: random.chance(2) ? IPAddress(ipv4: 10, UInt8(20 + index), 0, 1) : nil,
                servesDHCP: isServed, server: isServed ? IPAddress(ipv4: 10, UInt8(20 + index), 255, 254) : nil,
                dns: random.chance(2) ? [IPAddress(ipv4: 192, 0, 2, 53)] : [])
        }
        return Network(
            metadata: metadata("net-\(index)", &random),
            spec: Network.Spec(
                vxlan: isTunnel ? vxlan : nil, mtu: random.pick(isTunnel ? 1450 : 1500, 1400), subnet: subnet,
                vlan: hosts.first.flatMap {
                    random.chance(3) ? Network.VLAN(host: $0, interface: "eth1", id: 100 + index) : nil
                },
                hosts: random.chance(3) ? hosts : [], securityGroups: [securityGroup(&random)]))
    }
}
