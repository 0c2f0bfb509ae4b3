import Hosts
import Model

extension DomainPatch {
    /// Our interfaces become those of the machine; others stay.
    func patchInterfaces(_ devices: inout XMLElement) {
        let wanted = Set(machine.spec.interfaces.map(\.name))
        devices.removeElements { device in
            guard device.name == "interface", let name = device.aliasName(DeviceAlias.interfacePrefix) else {
                return false
            }
            return !wanted.contains(name)
        }
        for interface in machine.spec.interfaces {
            let alias = DeviceAlias.interface(interface.name)
            let isThere = devices.editFirst(where: { $0.name == "interface" && $0.alias == alias }) {
                Self.set(&$0, interface)
            }
            if isThere { continue }
            var device = XMLElement("interface", [.init("type", "bridge")])
            Self.set(&device, interface)
            device.insert(XMLElement("alias", [.init("name", alias)]))
            devices.insert(device)
        }
    }

    private static func set(_ device: inout XMLElement, _ interface: VirtualMachine.Interface) {
        if let mac = interface.mac, device.first("mac")?["address"].flatMap({ MACAddress($0) }) != mac {
            device.edit("mac") { $0["address"] = mac.description }
        }
        if let bridge = interface.bridge,
            device["type"] != "bridge" || device.first("source")?["bridge"] != bridge
        {
            device["type"] = "bridge"
            // The names of a libvirt network or a port do not hold for the bridge.
            device.edit("source") { $0 = XMLElement("source", [.init("bridge", bridge)]) }
            device.remove("virtualport")
        }
        if device.first("model")?["type"] != interface.model.rawValue {
            device.edit("model") { $0["type"] = interface.model.rawValue }
            // virtio's own settings.
            device.remove("driver")
        }
        if let link = interface.device, device.first("target")?["dev"] != link {
            device.edit("target") { $0["dev"] = link }
        }
        DomainBandwidth.set(&device, interface.bandwidth)
        let mtu = interface.mtu.map { String($0) }
        guard device.first("mtu")?["size"] != mtu else { return }
        guard let mtu else {
            device.remove("mtu")
            return
        }
        device.edit("mtu") { $0["size"] = mtu }
    }
}
