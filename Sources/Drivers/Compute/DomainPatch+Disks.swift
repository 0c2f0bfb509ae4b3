import Hosts
import Model

extension DomainPatch {
    /// Our disks become those of the machine; others stay.
    func patchDisks(_ devices: inout XMLElement) {
        let wanted = Set(machine.spec.disks.map(\.name))
        devices.removeElements { device in
            guard device.name == "disk", let name = device.aliasName(DeviceAlias.diskPrefix) else { return false }
            return !wanted.contains(name)
        }
        for disk in machine.spec.disks {
            let alias = DeviceAlias.disk(disk.name)
            let bus = disk.bus.rawValue
            let target = Self.freeTarget(bus, devices)
            let isThere = devices.editFirst(where: { $0.name == "disk" && $0.alias == alias }) { device in
                Self.setSource(&device, disk)
                if device.first("target")?["bus"] != bus {
                    device.edit("target") {
                        $0["bus"] = bus
                        $0["dev"] = target
                    }
                    // Of the old bus.
                    device.remove("address")
                }
                if let format = disk.format, device.first("driver")?["type"] != format.rawValue {
                    device.edit("driver") {
                        $0["name"] = "qemu"
                        $0["type"] = format.rawValue
                    }
                }
                Self.setBootOrder(&device, disk.bootOrder)
            }
            if isThere || Self.regain(disk, alias, &devices) { continue }
            devices.insert(Self.newDisk(disk, target: target, alias: alias))
        }
    }

    /// A disk that somebody took out and put back has lost its alias. It gets it again; a second device on the same file
    /// would be two writers.
    private static func regain(
        _ disk: VirtualMachine.Disk, _ alias: String, _ devices: inout XMLElement
    ) -> Bool {
        guard let path = disk.path else { return false }
        return devices.editFirst(where: { device in
            device.name == "disk" && DomainReading.source(of: device) == path
                && device.aliasName(DeviceAlias.diskPrefix) == nil
        }) { device in
            device.remove("alias")
            device.insert(XMLElement("alias", [.init("name", alias)]))
            setBootOrder(&device, disk.bootOrder)
        }
    }

    /// The seed's CD-ROM appears, changes its medium, or goes.
    func patchSeed(_ devices: inout XMLElement) {
        let isSeed = { (device: XMLElement) in device.name == "disk" && device.alias == DeviceAlias.seed }
        guard let path = machine.spec.seed?.path else {
            devices.removeElements(where: isSeed)
            return
        }
        let target = Self.freeTarget("scsi", devices)
        if devices.editFirst(where: isSeed, { Self.setSource(&$0, path, isDevice: false) }) { return }
        devices.insert(
            XMLElement(
                "disk", [.init("type", "file"), .init("device", "cdrom")],
                [
                    XMLElement("driver", [.init("name", "qemu"), .init("type", "raw")]),
                    XMLElement("source", [.init("file", path)]),
                    XMLElement("target", [.init("dev", target), .init("bus", "scsi")]),
                    XMLElement("readonly"),
                    XMLElement("alias", [.init("name", DeviceAlias.seed)]),
                ]))
    }

    /// Caching is left to QEMU's default, write-back that honours the guest's flushes: it works on every file system.
    private static func newDisk(_ disk: VirtualMachine.Disk, target: String, alias: String) -> XMLElement {
        var device = XMLElement(
            "disk", [.init("type", kind(of: disk.path ?? "", isDevice: disk.isDevice)), .init("device", "disk")],
            [
                XMLElement(
                    "driver",
                    [
                        .init("name", "qemu"), .init("type", (disk.format ?? .raw).rawValue),
                        .init("discard", "unmap"),
                    ])
            ])
        setSource(&device, disk)
        device.insert(XMLElement("target", [.init("dev", target), .init("bus", disk.bus.rawValue)]))
        setBootOrder(&device, disk.bootOrder)
        device.insert(XMLElement("alias", [.init("name", alias)]))
        return device
    }

    /// A disk lies in another place, in the format that it has there.
    static func setSource(_ device: inout XMLElement, _ path: String?, _ volume: Volume) {
        guard let path, let isDevice = volume.status?.isLogical else { return }
        setSource(&device, path, isDevice: isDevice)
        device.edit("driver") {
            $0["name"] = "qemu"
            $0["type"] = volume.spec.format.rawValue
        }
    }

    private static func setSource(_ device: inout XMLElement, _ disk: VirtualMachine.Disk) {
        if let path = disk.path { setSource(&device, path, isDevice: disk.isDevice) }
    }

    /// - Parameter isDevice: whether it is a block device, such as a logical volume, and no file.
    private static func setSource(_ device: inout XMLElement, _ path: String, isDevice: Bool) {
        let type = kind(of: path, isDevice: isDevice)
        guard DomainReading.source(of: device) != path || device["type"] != type else { return }
        device["type"] = type
        device.edit("source") { source in
            // What said where it was before; nothing of it holds for the new place.
            source =
                StoragePool.LogicalUnit(path: path).map(Self.source)
                ?? StoragePool.RBDImage(path: path).map(Self.source)
                ?? XMLElement("source", [.init(isDevice ? "dev" : "file", path)])
        }
        device.remove("backingStore")
        device.remove("mirror")
    }

    /// The `type` of a disk that is read from there.
    private static func kind(of path: String, isDevice: Bool) -> String {
        StoragePool.isRemote(path) ? "network" : isDevice ? "block" : "file"
    }

    /// QEMU reaches a logical unit itself.
    private static func source(of unit: StoragePool.LogicalUnit) -> XMLElement {
        XMLElement(
            "source",
            [.init("protocol", "iscsi"), .init("name", "\(unit.target.target)/\(unit.number)")],
            [XMLElement("host", [.init("name", unit.target.portal), .init("port", String(unit.target.port))])])
    }

    /// The user's key is in libvirt's secret; it is in no definition.
    private static func source(of image: StoragePool.RBDImage) -> XMLElement {
        let place = image.place
        let auth = place.auth.map { auth in
            XMLElement(
                "auth", [.init("username", auth.user)],
                [XMLElement("secret", [.init("type", "ceph"), .init("uuid", auth.secret.lowercased)])])
        }
        return XMLElement(
            "source", [.init("protocol", "rbd"), .init("name", "\(place.pool)/\(image.name)")],
            place.monitors.map { XMLElement("host", [.init("name", $0), .init("port", String(place.port))]) }
                + [auth].compactMap(\.self))
    }

    private static func setBootOrder(_ device: inout XMLElement, _ order: Int?) {
        guard device.first("boot")?["order"] != order.map({ String($0) }) else { return }
        guard let order else {
            device.remove("boot")
            return
        }
        device.edit("boot") { $0["order"] = String(order) }
    }

    /// The first name that no device has: `vda` on virtio, `sda` on the others. libvirt derives the place on a SCSI or
    /// SATA controller from it.
    private static func freeTarget(_ bus: String, _ devices: XMLElement) -> String {
        let taken = Set(devices.elements.compactMap { $0.name == "disk" ? $0.first("target")?["dev"] : nil })
        let prefix = bus == "virtio" ? "vd" : "sd"
        var index = 0
        while taken.contains(prefix + letters(index)) { index += 1 }
        return prefix + letters(index)
    }

    /// a … z, aa, ab …
    private static func letters(_ index: Int) -> String {
        var text = ""
        var rest = index + 1
        while rest > 0 {
            rest -= 1
            text = String(UnicodeScalar(UInt8(0x61 + rest % 26))) + text
            rest /= 26
        }
        return text
    }
}
