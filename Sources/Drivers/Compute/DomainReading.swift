import Foundation
import Hosts
import Model

/// Reads what a domain's definition says about the fields that we manage.
struct DomainReading {
    let identity: Identity

    /// Elements that say nothing to an observation; the most of a definition by far, for the sake of the root ports.
    static let unread = [
        "controller", "memballoon", "rng", "video", "audio", "input", "console", "emulator", "clock", "features", "pm",
        "resource", "seclabel",
    ]

    /// The specification in a definition of ours. Devices are told by alias, never by position.
    ///
    /// Fields that no definition holds have their defaults: `cloudInit`, `ready`, an interface's network and address.
    /// A device of ours that was changed to something no manifest can say is left out, so that it shows as a difference.
    ///
    /// - Returns: nil when memory or processors are not there to read.
    func spec(_ domain: XMLElement, host: String, state: VirtualMachine.State, autostart: Bool) -> VirtualMachine.Spec?
    {
        guard let memory = memory(domain), let cpu = cpu(domain) else { return nil }
        let naming = DeviceNaming(domain)
        let domain = naming.applied(to: domain)
        let devices = domain.first("devices") ?? XMLElement("devices")
        let log = devices.elements.first { $0.name == "serial" && $0.alias == DeviceAlias.serial }?
            .first("log")?["file"]
        return VirtualMachine.Spec(
            host: host, cpu: cpu, memory: memory, accelerator: accelerator(domain), boot: boot(domain),
            disks: devices.elements.compactMap { disk($0) }.sorted { $0.name < $1.name },
            interfaces: devices.elements.compactMap { interface($0) }.sorted { $0.name < $1.name },
            seed: seed(devices),
            console: VirtualMachine.Console(serialLog: log != nil, serialLogPath: log, vnc: vnc(devices)),
            power: state.isActive ? .running : .stopped, autostart: autostart,
            protect: naming.mark?.isProtected ?? false)
    }

    /// What a running definition says. The balloon moves while a guest starts, and one without the driver never does:
    /// more memory than it was defined to have is therefore not a difference.
    func liveSpec(_ domain: XMLElement, persistent: VirtualMachine.Spec) -> VirtualMachine.Spec? {
        guard
            var spec = spec(
                domain, host: persistent.host ?? "", state: .running, autostart: persistent.autostart)
        else { return nil }
        let defined = MachineMark(domain: domain)?.memory ?? persistent.memory.size
        if spec.memory.size > defined { spec.memory.size = defined }
        // The mark tells the day after, not what runs.
        spec.protect = persistent.protect
        spec.power = persistent.power
        // What a link is called is no setting of the guest's; `links` tells.
        let devices = persistent.interfaces.reduce(into: [:]) { $0[$1.name] = $1.device }
        for index in spec.interfaces.indices {
            spec.interfaces[index].device = devices[spec.interfaces[index].name]
        }
        return spec
    }

    /// The links of a running definition whose names the persistent one does not say, by interface.
    func links(_ domain: XMLElement, persistent: VirtualMachine.Spec) -> [String: String] {
        let named = DeviceNaming(domain).applied(to: domain)
        let devices = persistent.interfaces.reduce(into: [:]) { $0[$1.name] = $1.device }
        return (named.first("devices")?.elements ?? []).compactMap { interface($0) }.reduce(into: [:]) { links, seen in
            if let link = seen.device, devices[seen.name] != link { links[seen.name] = link }
        }
    }

    func memory(_ domain: XMLElement) -> VirtualMachine.Memory? {
        guard let max = domain.first("memory").flatMap(Self.bytes) else { return nil }
        return VirtualMachine.Memory(size: domain.first("currentMemory").flatMap(Self.bytes) ?? max, max: max)
    }

    func cpu(_ domain: XMLElement) -> VirtualMachine.CPU? {
        guard let element = domain.first("vcpu"), let max = Int(element.text) else { return nil }
        return VirtualMachine.CPU(count: element["current"].flatMap { Int($0) } ?? max, max: max)
    }

    private func accelerator(_ domain: XMLElement) -> Accelerator? {
        switch domain["type"] {
        case "kvm": .kvm
        case "qemu": .tcg
        default: nil
        }
    }

    private func boot(_ domain: XMLElement) -> VirtualMachine.DirectBoot? {
        guard let os = domain.first("os"), let kernel = os.first("kernel")?.text else { return nil }
        return VirtualMachine.DirectBoot(
            kernel: nil, commandLine: os.first("cmdline")?.text ?? "", kernelPath: kernel,
            initrdPath: os.first("initrd")?.text)
    }

    private func disk(_ device: XMLElement) -> VirtualMachine.Disk? {
        guard device.name == "disk", let name = device.aliasName(DeviceAlias.diskPrefix),
            let bus = device.first("target")?["bus"].flatMap({ VirtualMachine.Disk.Bus(rawValue: $0) })
        else { return nil }
        let path = Self.source(of: device)
        let file = path?.split(separator: "/").last.map { String($0) } ?? ""
        return VirtualMachine.Disk(
            name: name, volume: identity.volume(inFileName: file)?.id, bus: bus,
            bootOrder: device.first("boot")?["order"].flatMap { Int($0) }, path: path,
            format: device.first("driver")?["type"].flatMap { Volume.Format(rawValue: $0) })
    }

    /// What a disk is read from: the path of a file or a device, or of a logical unit, or for anything else words that are no
    /// path of ours; nil without a medium.
    static func source(of device: XMLElement) -> String? {
        guard let source = device.first("source") else { return nil }
        if let path = source["file"] ?? source["dev"] { return path }
        if let path = unit(source)?.path ?? image(source)?.path { return path }
        let named = [source["protocol"], source["pool"], source["name"] ?? source["volume"]].compactMap(\.self)
        return "/\(device["type"] ?? "unknown"): \(named.joined(separator: " "))"
    }

    /// The logical unit that QEMU's own initiator reaches.
    private static func unit(_ source: XMLElement) -> StoragePool.LogicalUnit? {
        guard source["protocol"] == "iscsi", let parts = source["name"]?.split(separator: "/"), parts.count == 2,
            let number = Int(parts[1]), let host = source.first("host"), let portal = host["name"],
            host["transport"] ?? "tcp" == "tcp"
        else { return nil }
        let port = host["port"].map { Int($0) } ?? StoragePool.ISCSI.defaultPort
        guard let port else { return nil }
        return StoragePool.LogicalUnit(
            target: StoragePool.ISCSI(portal: portal, port: port, target: String(parts[0])), number: number)
    }

    /// The RBD image that QEMU reaches itself. What libvirt knows beside that, such as a snapshot, makes it another one.
    private static func image(_ source: XMLElement) -> StoragePool.RBDImage? {
        guard source["protocol"] == "rbd", let parts = source["name"]?.split(separator: "/"), parts.count == 2,
            source.first("snapshot") == nil
        else { return nil }
        let servers = source.elements.filter { $0.name == "host" }
        let ports = Set(servers.map { $0["port"].flatMap { Int($0) } ?? StoragePool.RBD.defaultPort })
        guard let port = ports.first, ports.count == 1 else { return nil }
        let auth = source.first("auth").flatMap { auth in
            auth["username"].flatMap { user in
                auth.first("secret")?["uuid"].flatMap { UUID(uuidString: $0) }.map {
                    StoragePool.RBD.Auth(user: user, secret: $0)
                }
            }
        }
        guard auth != nil || source.first("auth") == nil else { return nil }
        return StoragePool.RBDImage(
            place: StoragePool.RBD(
                monitors: servers.compactMap { $0["name"] }, port: port, pool: String(parts[0]), auth: auth),
            name: String(parts[1]))
    }

    private func interface(_ device: XMLElement) -> VirtualMachine.Interface? {
        guard device.name == "interface", let name = device.aliasName(DeviceAlias.interfacePrefix),
            let model = device.first("model")?["type"].flatMap({ VirtualMachine.Interface.Model(rawValue: $0) })
        else { return nil }
        return VirtualMachine.Interface(
            name: name, network: nil, mac: device.first("mac")?["address"].flatMap { MACAddress($0) }, model: model,
            bandwidth: device.first("bandwidth").flatMap(DomainBandwidth.read), device: device.first("target")?["dev"],
            bridge: device["type"] == "bridge" ? device.first("source")?["bridge"] : nil,
            mtu: device.first("mtu")?["size"].flatMap { Int($0) })
    }

    private func seed(_ devices: XMLElement) -> VirtualMachine.Seed? {
        devices.elements.first { $0.name == "disk" && $0.alias == DeviceAlias.seed }?
            .first("source")?["file"].map { VirtualMachine.Seed(path: $0) }
    }

    private func vnc(_ devices: XMLElement) -> VirtualMachine.Console.VNC? {
        guard let graphics = devices.elements.first(where: { $0.name == "graphics" && $0["type"] == "vnc" }) else {
            return nil
        }
        let listen = graphics.first("listen")?["address"] ?? graphics["listen"]
        let port = graphics["autoport"] == "yes" ? nil : graphics["port"].flatMap { Int($0) }
        return VirtualMachine.Console.VNC(
            // Not stated is libvirt's default, the loopback; what is no address could be open to anyone.
            listen: listen.map { IPAddress($0) ?? IPAddress(ipv4: 0, 0, 0, 0) } ?? .loopback,
            port: port.flatMap { $0 > 0 ? $0 : nil })
    }

    /// A size with libvirt's units (scaledInteger in its schema), KiB when none is stated.
    static func bytes(_ element: XMLElement) -> ByteCount? {
        guard let value = UInt64(element.text) else { return nil }
        let factor: UInt64
        switch element["unit"] {
        case "b", "bytes": factor = 1
        case "KB": factor = 1000
        case nil, "k", "K", "KiB": factor = 1 << 10
        case "MB": factor = 1_000_000
        case "M", "MiB": factor = 1 << 20
        case "GB": factor = 1_000_000_000
        case "G", "GiB": factor = 1 << 30
        case "TB": factor = 1_000_000_000_000
        case "T", "TiB": factor = 1 << 40
        default: return nil
        }
        let (bytes, overflow) = value.multipliedReportingOverflow(by: factor)
        return overflow ? nil : ByteCount(bytes)
    }
}
