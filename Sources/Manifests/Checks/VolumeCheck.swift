import Model

extension CheckedFleet {
    /// A volume serves one machine, lies where that machine is, and can be made the way it asks for.
    static let checkVolumes: Check = { fleet, report in
        var used: [String: (machine: ResourceID, disk: String)] = [:]
        for volume in fleet.volumes.all {
            checkClone(volume.spec, volume.resourceID, "spec", &report)
        }
        for machine in fleet.machines.all {
            for disk in machine.spec.disks {
                var field: String { "spec.disks[\(disk.name)]" }
                if let declared = disk.declared {
                    checkClone(declared, machine.resourceID, field, &report)
                    checkPlace(declared.pool, machine, field + ".pool", fleet, &report)
                }
                guard let id = disk.volume else { continue }
                if let volume = fleet.volumes[id] {
                    checkPlace(volume.spec.pool, machine, field + ".volume", fleet, &report)
                }
                if let other = used.updateValue((machine.resourceID, disk.name), forKey: id) {
                    report.error(
                        machine.resourceID, field + ".volume", "volume-shared",
                        "volume \(id) is disk \(other.disk) of \(other.machine) already",
                        help: "two machines that write to one disk destroy it; give each its own")
                }
            }
        }
    }

    private static func checkClone(
        _ spec: Volume.Spec, _ resource: ResourceID, _ field: @autoclosure () -> String, _ report: inout CheckReport
    ) {
        guard spec.image != nil, spec.format == .raw, spec.clone == .linked else { return }
        report.error(
            resource, field() + ".format", "clone-format", "a raw volume cannot be a layer over an image",
            help: "write clone: full, or format: qcow2")
    }

    private static func checkPlace(
        _ pool: String, _ machine: VirtualMachine, _ field: @autoclosure () -> String, _ fleet: CheckedFleet,
        _ report: inout CheckReport
    ) {
        guard let id = machine.spec.host, let host = fleet.hosts[id], let pool = fleet.pools[pool],
            !pool.spec.hosts.isEmpty, !pool.spec.hosts.contains(id)
        else { return }
        report.error(
            machine.resourceID, field(), "pool-elsewhere",
            "pool \(pool.metadata.name) is not on host \(host.metadata.name)",
            help: "it is on \(Wording.alternatives(pool.spec.hosts)); add the host to its spec.hosts, or take another")
    }
}
