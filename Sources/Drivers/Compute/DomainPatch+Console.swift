import Hosts
import Model

extension DomainPatch {
    /// The serial console's log and the VNC display.
    func patchConsole(_ devices: inout XMLElement) {
        let setLog = { (device: inout XMLElement) in Self.setLog(&device, machine.spec.console.serialLogPath) }
        let isThere = devices.editFirst(
            where: { $0.name == "serial" && $0.alias == DeviceAlias.serial },
            setLog)
        // libvirt says the first serial port again as a console.
        if isThere {
            devices.editFirst(where: { $0.name == "console" && $0.first("target")?["type"] == "serial" }, setLog)
        }
        if !isThere, machine.spec.console.serialLogPath != nil {
            var serial = XMLElement(
                "serial", [.init("type", "pty")], [XMLElement("alias", [.init("name", DeviceAlias.serial)])])
            setLog(&serial)
            devices.insert(serial)
        }
        patchDisplay(&devices)
    }

    private static func setLog(_ device: inout XMLElement, _ path: String?) {
        guard device.first("log")?["file"] != path else { return }
        guard let path else {
            device.remove("log")
            return
        }
        device.edit("log") {
            $0["file"] = path
            $0["append"] = "on"
        }
    }

    private func patchDisplay(_ devices: inout XMLElement) {
        let isDisplay = { (device: XMLElement) in device.name == "graphics" && device["type"] == "vnc" }
        guard let vnc = machine.spec.console.vnc else {
            devices.removeElements(where: isDisplay)
            return
        }
        if devices.editFirst(where: isDisplay, { Self.set(&$0, vnc) }) { return }
        var graphics = XMLElement("graphics", [.init("type", "vnc")])
        Self.set(&graphics, vnc)
        devices.insert(graphics)
        if devices.first("video") == nil {
            devices.insert(XMLElement("video", [], [XMLElement("model", [.init("type", "vga")])]))
        }
    }

    /// The password stays.
    private static func set(_ graphics: inout XMLElement, _ vnc: VirtualMachine.Console.VNC) {
        let autoport = vnc.port == nil ? "yes" : "no"
        let isAutomatic = graphics["autoport"] == "yes"
        if isAutomatic != (vnc.port == nil) || (vnc.port != nil && graphics["port"] != vnc.port.map({ String($0) })) {
            graphics["port"] = String(vnc.port ?? -1)
            graphics["autoport"] = autoport
        } else if graphics["port"] == nil {
            graphics["port"] = String(vnc.port ?? -1)
            graphics["autoport"] = autoport
        }
        let address = vnc.listen.description
        if let listen = graphics.first("listen"), listen["type"] == "address", listen["address"] == address,
            graphics["listen"] == nil || graphics["listen"] == address
        {
            return
        }
        graphics["listen"] = address
        graphics.remove("listen")
        graphics.insert(XMLElement("listen", [.init("type", "address"), .init("address", address)]))
    }
}
