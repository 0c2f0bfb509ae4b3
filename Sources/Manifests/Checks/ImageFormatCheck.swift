import Model

extension CheckedFleet {
    /// An image is used for what it is.
    static let checkImageFormats: Check = { fleet, report in
        func check(
            _ id: String?, _ accepted: [Image.Format], _ resource: ResourceID, _ field: @autoclosure () -> String
        ) {
            guard let id, let image = fleet.images[id], !accepted.contains(image.spec.format) else { return }
            report.error(
                resource, field(), "image-format",
                "image \(image.metadata.name) has the format \(image.spec.format.rawValue)",
                help: "here it takes \(Wording.alternatives(accepted.map(\.rawValue)))")
        }
        for volume in fleet.volumes.all {
            check(volume.spec.image, [.qcow2, .raw], volume.resourceID, "spec.image")
        }
        for machine in fleet.machines.all {
            check(machine.spec.boot?.kernel, [.kernel], machine.resourceID, "spec.boot.kernel")
            check(machine.spec.boot?.initrd, [.initrd], machine.resourceID, "spec.boot.initrd")
            for disk in machine.spec.disks {
                guard let image = disk.declared?.image else { continue }
                check(image, [.qcow2, .raw], machine.resourceID, "spec.disks[\(disk.name)].image")
            }
        }
    }
}
