import Model

extension CheckedFleet {
    /// A machine has something to start from, unless it is adopted and starts from what no manifest can say, and no two disks claim the same place in the order.
    static let checkBoot: Check = { fleet, report in
        for machine in fleet.machines.all {
            if machine.spec.disks.isEmpty, machine.spec.boot == nil, machine.metadata.uuid == nil {
                report.error(
                    machine.resourceID, "spec", "nothing-to-boot", "the machine has neither a disk nor a kernel",
                    help: "write disks or boot")
            }
            var used: [Int: String] = [:]
            for disk in machine.spec.disks {
                guard let order = disk.bootOrder, let other = used.updateValue(disk.name, forKey: order) else {
                    continue
                }
                report.error(
                    machine.resourceID, "spec.disks[\(disk.name)].bootOrder", "boot-order",
                    "\(order) is the place of disk \(other) already", help: "give each disk its own place")
            }
        }
    }
}
