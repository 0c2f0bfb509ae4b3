import Model

/// Which host each machine is on. Pure and deterministic: the same manifests and observations give the same answer.
struct Placement {
    /// The host of each machine, by identities.
    var hosts: [String: String] = [:]
    /// Machines for which there is no host.
    var problems: [Diagnostic] = []

    /// A machine that names a host is there; one that exists somewhere stays; a new one goes to the host with the
    /// smallest share of its memory promised.
    init(_ manifest: FleetManifest, observed: [String: HostInventory]) {
        var whereIs: [String: String] = [:]
        var promised: [String: UInt64] = [:]
        for host in manifest.hosts {
            let id = host.metadata.identity
            for machine in observed[id]?.machines ?? [] { whereIs[machine.metadata.identity] = id }
        }
        var homeless: [VirtualMachine] = []
        for machine in manifest.machines {
            let id = machine.metadata.identity
            if let host = machine.spec.host ?? whereIs[id] {
                hosts[id] = host
                promised[host, default: 0] += machine.spec.memory.size.bytes
            } else {
                homeless.append(machine)
            }
        }
        let candidates = manifest.hosts.filter { !$0.spec.maintenance }
        for machine in homeless {
            let id = machine.metadata.identity
            let pools = Set(machine.spec.disks.compactMap { $0.declared?.pool })
            let best = candidates.filter { host in
                manifest.pools.allSatisfy {
                    !pools.contains($0.metadata.identity) || $0.isOn(host: host.metadata.identity)
                }
            }.min { left, right in
                let shares = [left, right].map { host in
                    let id = host.metadata.identity
                    let memory = host.spec.capacity.memory ?? observed[id]?.host.status?.memory
                    return Double(promised[id] ?? 0) / Double(max(memory?.bytes ?? 1, 1))
                }
                return shares[0] == shares[1]
                    ? left.metadata.identity < right.metadata.identity : shares[0] < shares[1]
            }
            guard let best else {
                problems.append(
                    Diagnostic(
                        code: "no-host", "no host can take the machine",
                        help: "name a host, end a host's maintenance, or add the pools of its disks to a host",
                        resource: ResourceID(.virtualMachine, id), field: "spec.host"))
                continue
            }
            hosts[id] = best.metadata.identity
            promised[best.metadata.identity, default: 0] += machine.spec.memory.size.bytes
        }
    }
}

extension StoragePool {
    /// Whether the pool is on that host.
    func isOn(host: String) -> Bool { spec.hosts.isEmpty || spec.hosts.contains(host) }
}
