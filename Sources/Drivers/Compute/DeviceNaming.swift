import Hosts
import Model

/// Gives the devices that a mark's map names our aliases, so that everything else tells them by alias alone. Of a running
/// definition that is a way of reading it; in a definition that is written, the aliases stay and the map goes.
struct DeviceNaming {
    let map: DeviceMap
    /// The mark that the map is from, if it is from one.
    private(set) var mark: MachineMark?

    /// By the map in a domain's mark.
    init(_ domain: XMLElement) {
        mark = MachineMark(domain: domain)
        map = mark?.devices ?? DeviceMap()
    }

    init(map: DeviceMap) { self.map = map }

    /// By names of their own, of the devices that a manifest can say: a disk's target, an interface's place.
    init(foreign domain: XMLElement) {
        var map = DeviceMap()
        var place = 0
        for device in domain.first("devices")?.elements ?? [] {
            if Self.isDisk(device), let target = device.first("target")?["dev"], Name.isValid(target) {
                map.disks[target] = target
            } else if Self.isInterface(device), let mac = device.first("mac")?["address"].flatMap({ MACAddress($0) }),
                !map.interfaces.values.contains(mac)
            {
                map.interfaces["eth\(place)"] = mac
            }
            if device.name == "interface" { place += 1 }
        }
        self.map = map
    }

    /// The definition with the aliases.
    func applied(to domain: XMLElement) -> XMLElement {
        var named = domain
        apply(to: &named)
        return named
    }

    /// Sets the aliases where there are none of anybody's, and none with that name already.
    func apply(to domain: inout XMLElement) {
        guard map != DeviceMap() else { return }
        domain.edit("devices") { devices in
            for (name, target) in map.disks {
                Self.name(&devices, DeviceAlias.disk(name)) { Self.isDisk($0) && $0.first("target")?["dev"] == target }
            }
            for (name, mac) in map.interfaces {
                Self.name(&devices, DeviceAlias.interface(name)) {
                    $0.name == "interface" && $0.first("mac")?["address"].flatMap { MACAddress($0) } == mac
                }
            }
            Self.name(&devices, DeviceAlias.serial) { $0.name == "serial" && $0.first("log") == nil }
        }
    }

    private static func name(_ devices: inout XMLElement, _ alias: String, where fits: (XMLElement) -> Bool) {
        guard !devices.elements.contains(where: { $0.alias == alias }) else { return }
        devices.editFirst(where: { fits($0) && $0.alias?.hasPrefix("ua-") != true }) { device in
            device.edit("alias") { $0["name"] = alias }
        }
    }

    /// Whether it is a disk on a file as manifests have them. One on a block device is never adopted: what is ours of those
    /// has our alias from the beginning.
    private static func isDisk(_ device: XMLElement) -> Bool {
        device.name == "disk" && device["type"] == "file" && device["device"] ?? "disk" == "disk"
            && device.first("source")?["file"] != nil && device.first("readonly") == nil
            && device.first("shareable") == nil && device.first("transient") == nil
            && device.alias?.hasPrefix("ua-") != true
            && VirtualMachine.Disk.Bus(rawValue: device.first("target")?["bus"] ?? "") != nil
            && Volume.Format(rawValue: device.first("driver")?["type"] ?? "") != nil
    }

    /// Whether it is an interface on a bridge as manifests have them.
    private static func isInterface(_ device: XMLElement) -> Bool {
        device.name == "interface" && device["type"] == "bridge" && device.first("virtualport") == nil
            && device.first("vlan") == nil && device.alias?.hasPrefix("ua-") != true
            && VirtualMachine.Interface.Model(rawValue: device.first("model")?["type"] ?? "") != nil
    }
}
