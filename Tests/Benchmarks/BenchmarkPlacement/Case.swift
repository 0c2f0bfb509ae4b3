import Foundation
import Model
import Planning

/// Hosts and machines as the other allocator knows them: sizes in MiB, a machine on `host` when it is placed already.
struct Case: Decodable {
    struct Host: Decodable {
        var name: String
        var cpu: Int
        var memory: UInt64
        var disk: UInt64
    }

    struct Machine: Decodable {
        var name: String
        var cpu: Int
        var memory: UInt64
        var disk: UInt64
        var host: String?
    }

    var strategy: Fleet.PlacementStrategy
    var hosts: [Host]
    var machines: [Machine]

    /// The fleet, and what is on its hosts.
    var fleet: (FleetManifest, [String: HostInventory]) {
        let uuid = UUID(uuid: (6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1))
        var manifest = FleetManifest(
            fleet: Fleet(metadata: Metadata(name: "case", id: uuid.lowercased), uuid: uuid, placement: strategy),
            hosts: hosts.map { KVMHost(metadata: Metadata(name: $0.name)) },
            pools: [StoragePool(metadata: Metadata(name: "disks"), spec: .init(path: "/var/lib/infra/disks"))])
        manifest.machines = machines.map { machine in
            VirtualMachine(
                metadata: Metadata(name: machine.name),
                spec: .init(
                    cpu: .init(count: machine.cpu), memory: .init(size: .mebibytes(machine.memory)),
                    disks: [
                        .init(
                            name: "root", volume: nil, declared: .init(pool: "disks", size: .mebibytes(machine.disk)))
                    ]))
        }
        var observed: [String: HostInventory] = [:]
        for (host, declared) in zip(hosts, manifest.hosts) {
            var seen = declared
            seen.status = .init(
                uuid: Identity.hostUUID(machineID: host.name), hostname: host.name, cpu: host.cpu,
                memory: .mebibytes(host.memory), accelerator: .tcg, acceleratorReason: "", libvirtVersion: "9.0.0")
            observed[host.name] = HostInventory(
                host: seen,
                pools: manifest.pools.map { pool in
                    var pool = pool
                    pool.status = .init(
                        host: host.name, uuid: uuid, name: pool.metadata.name, capacity: .mebibytes(host.disk))
                    return pool
                })
        }
        for (machine, declared) in zip(machines, manifest.machines) {
            guard let host = machine.host else { continue }
            var seen = declared
            seen.status = .init(host: host, uuid: uuid, state: .running)
            observed[host]?.machines.append(seen)
        }
        return (manifest, observed)
    }
}
