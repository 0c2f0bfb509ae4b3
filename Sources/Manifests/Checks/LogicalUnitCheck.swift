import Model

extension CheckedFleet {
    /// What is there on an iSCSI target is used as it is, by one volume each. Nobody tells two that write to one unit apart.
    static let checkUnits: Check = { fleet, report in
        var targets: [String: ResourceID] = [:]
        for pool in fleet.pools.all {
            // A target has its name all over the world, whatever portal it is reached by.
            guard let iscsi = pool.spec.iscsi, let other = targets.updateValue(pool.resourceID, forKey: iscsi.target)
            else { continue }
            report.error(
                pool.resourceID, "spec.iscsi.target", "lun-used", "\(iscsi.target) is that of \(other)",
                help: "declare it once, with all its hosts")
        }
        var units: [String: ResourceID] = [:]
        for volume in fleet.volumes.all {
            if let unit = checkUnit(volume, fleet, &report),
                let other = units.updateValue(volume.resourceID, forKey: unit)
            {
                report.error(
                    volume.resourceID, "spec.lun", "lun-used", "\(unit) is \(other)",
                    help: "two machines that write to one disk destroy it; declare it once")
            }
            if let source = volume.spec.source.flatMap({ fleet.volumes[$0] }), fleet.isOnTarget(source.spec) {
                report.error(
                    volume.resourceID, "spec.from.volume", "logical-unit",
                    "\(source.resourceID) is a logical unit, which is not copied in this version")
            }
        }
        for machine in fleet.machines.all {
            for disk in machine.spec.disks {
                guard let declared = disk.declared else { continue }
                if fleet.isOnTarget(declared) {
                    report.error(
                        machine.resourceID, "spec.disks[\(disk.name)].pool", "logical-unit",
                        "StoragePool/\(declared.pool) is an iSCSI target, on which nothing is made",
                        help: "declare a Volume with its lun, and write volume: here")
                }
                if let source = declared.source.flatMap({ fleet.volumes[$0] }), fleet.isOnTarget(source.spec) {
                    report.error(
                        machine.resourceID, "spec.disks[\(disk.name)].from.volume", "logical-unit",
                        "\(source.resourceID) is a logical unit, which is not copied in this version")
                }
            }
        }
    }

    private func isOnTarget(_ spec: Volume.Spec) -> Bool { pools[spec.pool]?.spec.iscsi != nil }

    /// - Returns: the unit's path.
    private static func checkUnit(
        _ volume: Volume, _ fleet: CheckedFleet, _ report: inout CheckReport
    ) -> String? {
        let spec = volume.spec
        guard let pool = fleet.pools[spec.pool] else { return nil }
        func refuse(_ field: String, _ message: String, _ help: String) {
            report.error(volume.resourceID, "spec." + field, "logical-unit", message, help: help)
        }
        guard let iscsi = pool.spec.iscsi else {
            if spec.lun != nil {
                refuse("lun", "StoragePool/\(pool.metadata.name) is no iSCSI target", "leave lun out")
            }
            return nil
        }
        let name = "StoragePool/\(pool.metadata.name) is an iSCSI target"
        guard let lun = spec.lun else {
            refuse("pool", "\(name), on which nothing is made", "write lun: the number of a unit that is there")
            return nil
        }
        if spec.format != .raw { refuse("format", "\(name), whose units are raw", "write format: raw") }
        let origins = [("image", spec.image != nil), ("from", spec.source != nil), ("file", spec.file != nil)]
        for (field, isSaid) in origins where isSaid {
            refuse(field, "\(name), whose units are used as they are", "leave \(field) out")
        }
        if spec.deletion != .retain {
            refuse("deletion", "\(name), on which nothing is deleted", "leave deletion out")
        }
        return StoragePool.LogicalUnit(target: iscsi, number: lun).path
    }
}
