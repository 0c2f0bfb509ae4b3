import Model

extension CheckedFleet {
    /// What is there on a server is used as it is, by one volume each. Nobody tells two that write to one unit apart.
    static let checkUnits: Check = { fleet, report in
        checkServers(fleet, &report)
        var units: [String: ResourceID] = [:]
        for volume in fleet.volumes.all {
            if let unit = checkUnit(volume, fleet, &report),
                let other = units.updateValue(volume.resourceID, forKey: unit)
            {
                let field = volume.spec.rbdImage == nil ? "spec.lun" : "spec.rbdImage"
                report.error(
                    volume.resourceID, field, "lun-used", "\(unit) is \(other)",
                    help: "two machines that write to one disk destroy it; declare it once")
            }
            if let source = volume.spec.source.flatMap({ fleet.volumes[$0] }), let what = fleet.unit(source.spec) {
                report.error(
                    volume.resourceID, "spec.from.volume", "logical-unit",
                    "\(source.resourceID) is \(what), which is not copied in this version")
            }
        }
        for machine in fleet.machines.all { checkDisks(of: machine, fleet, &report) }
        for snapshot in fleet.snapshots.all {
            guard let volume = snapshot.spec.volume.flatMap({ fleet.volumes[$0] }), let what = fleet.unit(volume.spec)
            else { continue }
            report.error(
                snapshot.resourceID, "spec.volume", "logical-unit",
                "\(volume.resourceID) is \(what), of which no snapshot is taken in this version")
        }
    }

    /// Two pools with one target, or one pool of a cluster, would be one pool under two names.
    private static func checkServers(_ fleet: CheckedFleet, _ report: inout CheckReport) {
        var places: [String: ResourceID] = [:]
        for pool in fleet.pools.all {
            // A target has its name all over the world, whatever portal it is reached by.
            let place = pool.spec.iscsi?.target ?? pool.spec.rbd?.unauthenticated.folder
            guard let place, let other = places.updateValue(pool.resourceID, forKey: place) else { continue }
            report.error(
                pool.resourceID, pool.spec.rbd == nil ? "spec.iscsi.target" : "spec.rbd.pool", "lun-used",
                "\(place) is that of \(other)", help: "declare it once, with all its hosts")
        }
    }

    private static func checkDisks(of machine: VirtualMachine, _ fleet: CheckedFleet, _ report: inout CheckReport) {
        for disk in machine.spec.disks {
            guard let declared = disk.declared else { continue }
            if let pool = fleet.pools[declared.pool], let server = pool.spec.server {
                report.error(
                    machine.resourceID, "spec.disks[\(disk.name)].pool", "logical-unit",
                    pool.spec.iscsi?.manage == nil
                        ? "\(pool.resourceID) is \(server.name), on which nothing is made"
                        : "\(pool.resourceID) is \(server.name), whose units are documents of their own",
                    help: pool.spec.iscsi?.manage == nil
                        ? "declare a Volume with its \(server.field), and write volume: here"
                        : "declare a Volume, and write volume: here")
            }
            if let source = declared.source.flatMap({ fleet.volumes[$0] }), let what = fleet.unit(source.spec) {
                report.error(
                    machine.resourceID, "spec.disks[\(disk.name)].from.volume", "logical-unit",
                    "\(source.resourceID) is \(what), which is not copied in this version")
            }
        }
    }

    /// What a volume is that lies on a server; nil of any other.
    private func unit(_ spec: Volume.Spec) -> String? {
        guard let pool = pools[spec.pool]?.spec else { return nil }
        return pool.iscsi != nil ? "a logical unit" : pool.rbd != nil ? "an RBD image" : nil
    }

    /// - Returns: the path of what is there.
    private static func checkUnit(
        _ volume: Volume, _ fleet: CheckedFleet, _ report: inout CheckReport
    ) -> String? {
        let spec = volume.spec
        guard let pool = fleet.pools[spec.pool] else { return nil }
        func refuse(_ field: String, _ message: String, _ help: String) {
            report.error(volume.resourceID, "spec." + field, "logical-unit", message, help: help)
        }
        let (iscsi, rbd) = (pool.spec.iscsi, pool.spec.rbd)
        if spec.lun != nil, iscsi == nil {
            refuse("lun", "StoragePool/\(pool.metadata.name) is no iSCSI target", "leave lun out")
        }
        if spec.rbdImage != nil, rbd == nil {
            refuse("rbdImage", "StoragePool/\(pool.metadata.name) is no pool of a Ceph cluster", "leave rbdImage out")
        }
        guard let server = pool.spec.server else { return nil }
        let name = "StoragePool/\(pool.metadata.name) is \(server.name)"
        if spec.format != .raw { refuse("format", "\(name), whose units are raw", "write format: raw") }
        if iscsi?.manage != nil, spec.lun == nil {
            let isCopy = spec.source != nil || spec.snapshot != nil || spec.deleted != nil
            for (field, isSaid) in [("from", isCopy), ("file", spec.file != nil)] where isSaid {
                refuse(field, "\(name), whose units are empty at first or copies of an image", "leave \(field) out")
            }
            return nil
        }
        guard spec.lun != nil || spec.rbdImage != nil else {
            refuse("pool", "\(name), on which nothing is made", server.missing)
            return nil
        }
        let isCopy = spec.source != nil || spec.deleted != nil
        let origins = [("image", spec.image != nil), ("from", isCopy), ("file", spec.file != nil)]
        for (field, isSaid) in origins where isSaid {
            refuse(field, "\(name), whose units are used as they are", "leave \(field) out")
        }
        if spec.deletion != .retain {
            refuse("deletion", "\(name), on which nothing is deleted", "leave deletion out")
        }
        if let iscsi, let lun = spec.lun { return StoragePool.LogicalUnit(target: iscsi, number: lun).path }
        // Whoever asks for it, it is one image.
        guard let rbd, let image = spec.rbdImage else { return nil }
        return StoragePool.RBDImage(place: rbd.unauthenticated, name: image).path
    }
}

extension StoragePool.RBD {
    /// The pool itself, whoever asks for it.
    fileprivate var unauthenticated: StoragePool.RBD {
        StoragePool.RBD(monitors: monitors.sorted(), port: port, pool: pool)
    }
}

extension StoragePool.Spec {
    /// What a server is called, the field that says which of its volumes one is, and the advice to write that; nil of what is
    /// on hosts.
    fileprivate var server: (name: String, field: String, missing: String)? {
        switch backend {
        case .directory, .lvm, .nfs: nil
        case .iscsi: ("an iSCSI target", "lun", "write lun: the number of a unit that is there")
        case .rbd: ("a pool of a Ceph cluster", "rbdImage", "write rbdImage: the name of an image that is there")
        }
    }
}
