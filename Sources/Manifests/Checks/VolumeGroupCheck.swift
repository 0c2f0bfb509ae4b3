import Model

extension CheckedFleet {
    /// Volume groups are told apart, have the directory that they need, and hold what a logical volume can be.
    static let checkVolumeGroups: Check = { fleet, report in
        checkNames(fleet, &report)
        for pool in fleet.pools.all {
            guard let lvm = pool.spec.lvm else { continue }
            if pool.metadata.uuid != nil {
                report.error(
                    pool.resourceID, "metadata.uuid", "group-uuid", "libvirt does not know a volume group",
                    help: "leave it out; spec.lvm.adopt: true takes over the group that is there")
            }
            if let id = lvm.images, let images = fleet.pools[id] { checkImages(images, of: pool, fleet, &report) }
        }
        for volume in fleet.volumes.all { check(volume.spec, volume.resourceID, "spec", fleet, &report) }
        for machine in fleet.machines.all {
            for disk in machine.spec.disks {
                guard let declared = disk.declared else { continue }
                check(declared, machine.resourceID, "spec.disks[\(disk.name)]", fleet, &report)
            }
        }
    }

    private static func checkNames(_ fleet: CheckedFleet, _ report: inout CheckReport) {
        for host in fleet.hosts.all {
            var groups: [String: ResourceID] = [:]
            var devices: [String: ResourceID] = [:]
            for pool in fleet.pools.all where pool.isOn(host: host.metadata.identity) {
                guard let lvm = pool.spec.lvm else { continue }
                if let other = groups.updateValue(pool.resourceID, forKey: lvm.volumeGroup) {
                    report.error(
                        pool.resourceID, "spec.lvm.volumeGroup", "group-used",
                        "\(lvm.volumeGroup) is that of \(other) on host \(host.metadata.name)",
                        help: "give each pool a volume group of its own")
                }
                for device in lvm.devices {
                    guard let other = devices.updateValue(pool.resourceID, forKey: device) else { continue }
                    report.error(
                        pool.resourceID, "spec.lvm.devices", "group-used",
                        "\(device) is one of \(other) on host \(host.metadata.name)",
                        help: "give each pool devices of its own")
                }
            }
        }
    }

    private static func checkImages(
        _ images: StoragePool, of pool: StoragePool, _ fleet: CheckedFleet, _ report: inout CheckReport
    ) {
        let field = "spec.lvm.images"
        if !images.spec.holdsFiles {
            report.error(
                pool.resourceID, field, "group-images",
                "\(images.resourceID) is a \(images.spec.lvm == nil ? "target" : "volume group too")",
                help: "name a directory pool")
        } else if let host = fleet.hosts(of: pool).first(where: { !images.isOn(host: $0.metadata.identity) }) {
            report.error(
                pool.resourceID, field, "group-images",
                "\(images.resourceID) is not on host \(host.metadata.name), which has this pool",
                help: "name a directory pool that is on all hosts of this one")
        }
    }

    private static func check(
        _ spec: Volume.Spec, _ resource: ResourceID, _ field: @autoclosure () -> String, _ fleet: CheckedFleet,
        _ report: inout CheckReport
    ) {
        guard let pool = fleet.pools[spec.pool], let lvm = pool.spec.lvm else { return }
        let name = "StoragePool/\(pool.metadata.name) is a volume group"
        if spec.format != .raw {
            report.error(
                resource, field() + ".format", "logical-volume", "\(name), whose volumes are raw",
                help: "write format: raw")
        }
        if spec.image != nil, spec.clone == .linked, spec.format != .raw {
            report.error(
                resource, field() + ".clone", "logical-volume", "\(name), into which images are copied",
                help: "write clone: full")
        }
        if let file = spec.file, file.wholeMatch(of: #/[A-Za-z0-9+_.][A-Za-z0-9+_.-]{0,99}/#) == nil {
            report.error(
                resource, field() + ".file", "logical-volume",
                "\(name), in which no volume can be called \(Wording.quoted(file))",
                help: "write the name of the logical volume that is to be adopted, or leave file out")
        }
        if spec.image != nil, lvm.images == nil {
            report.error(
                resource, field() + ".image", "group-images",
                "\(name) and does not say which directory pool has its images",
                help: "write spec.lvm.images at StoragePool/\(pool.metadata.name)")
        }
        let extent = StoragePool.LVM.extentSize.bytes
        guard spec.size.bytes % extent != 0 else { return }
        let next = ByteCount((spec.size.bytes / extent + 1) * extent)
        report.error(
            resource, field() + ".size", "extent-size",
            "\(name), in which a size is a multiple of \(StoragePool.LVM.extentSize)", help: "write \(next)")
    }
}
