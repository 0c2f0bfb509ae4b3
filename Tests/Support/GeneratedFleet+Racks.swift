import Foundation
public import Model
import Planning

extension GeneratedFleet {
    /// A fleet of many hosts in racks, and what is on them before the first plan, for placement: hosts of three sizes; a twentieth of
    /// the machines bound to a rack, a tenth in threes that keep away from each other, some beside another.
    public static func racks(machines: Int, hosts: Int) -> (FleetManifest, [String: HostInventory]) {
        var random = SeededGenerator(seed: 1)
        let uuid = self.uuid(&random)
        var manifest = FleetManifest(
            fleet: Fleet(metadata: Metadata(name: "racks", id: uuid.lowercased), uuid: uuid),
            hosts: (0..<hosts).map { index in
                KVMHost(
                    metadata: Metadata(name: "host-\(index)", labels: ["rack": "rack-\(index % 20)"]),
                    spec: .init(
                        overcommit: .init(cpu: 4),
                        underlay: .init(address: IPAddress(ipv4: 10, 1, UInt8(index / 250), UInt8(index % 250 + 1)))))
            },
            pools: [
                StoragePool(
                    metadata: Metadata(name: "disks"), spec: .init(path: "/var/lib/infra/disks", overcommit: 10))
            ],
            networks: [Network(metadata: Metadata(name: "lan"), spec: .init(vxlan: .init(vni: 1), mtu: 1450))])
        for index in 0..<machines {
            var metadata = Metadata(name: "vm-\(index)", labels: ["group": "group-\(index / 3)"])
            var spec = VirtualMachine.Spec(
                cpu: .init(count: Int.random(in: 1...8, using: &random)),
                memory: .init(size: .gibibytes(random.pick(1, 2, 4, 8))),
                disks: [
                    .init(
                        name: "root", volume: nil,
                        declared: .init(pool: "disks", size: .gibibytes(.random(in: 10...80, using: &random))))
                ], interfaces: [.init(name: "eth0", network: "lan")])
            if random.chance(20), index % 100 != 50 { spec.placement.hostSelector = ["rack": "rack-\(index % 20)"] }
            if index / 3 % 10 == 0 { spec.placement.antiAffinity = [["group": "group-\(index / 3)"]] }
            if index % 100 == 50 { spec.placement.affinity = [["group": "group-\(index / 3 - 3)"]] }
            metadata.labels["tier"] = random.pick("web", "db")
            manifest.machines.append(VirtualMachine(metadata: metadata, spec: spec))
        }
        manifest.hosts.sort { $0.metadata.identity < $1.metadata.identity }
        manifest.machines.sort { $0.metadata.identity < $1.metadata.identity }
        var observed = Simulator.empty(manifest).observation(manifest)
        for host in manifest.hosts.map(\.metadata.identity) {
            let size = random.pick(1, 2, 3)
            observed[host]?.host.status?.cpu = 32 * size
            observed[host]?.host.status?.memory = .gibibytes(UInt64(128 * size))
        }
        return (manifest, observed)
    }
}
