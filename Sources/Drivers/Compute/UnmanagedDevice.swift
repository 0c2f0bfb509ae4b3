import Hosts

/// Devices in a domain of ours that no manifest knows: neither ours by alias, nor what libvirt or we ourselves always add.
enum UnmanagedDevice {
    /// Whether a device is one that a person, or another tool, has added.
    static func isUnmanaged(_ device: XMLElement) -> Bool {
        switch device.name {
        case "disk": device.aliasName(DeviceAlias.diskPrefix) == nil && device.alias != DeviceAlias.seed
        case "interface": device.aliasName(DeviceAlias.interfacePrefix) == nil
        case "channel": device.alias != DeviceAlias.agent && device.first("target")?["name"] != agentChannel
        case "hostdev", "filesystem", "redirdev": true
        default: false
        }
    }

    /// The channel on which QEMU's guest agent listens.
    static let agentChannel = "org.qemu.guest_agent.0"

    /// Those of several definitions of one domain, in words, each once.
    static func descriptions(_ domains: [XMLElement]) -> [String] {
        var seen: Set<String> = []
        return domains.flatMap { domain in
            domain.first("devices")?.elements.filter(isUnmanaged).map(describe) ?? []
        }.filter { seen.insert($0).inserted }
    }

    private static func describe(_ device: XMLElement) -> String {
        let source = device.first("source")
        let place = source?.attributes.first?.value
        switch device.name {
        case "disk":
            let kind = device["device"] ?? "disk"
            return words(kind, device.first("target")?["dev"], place.map { "(\($0))" })
        case "interface":
            return words("interface", device.first("mac")?["address"], place.map { "on \($0)" })
        case "channel":
            return words("channel", device.first("target")?["name"])
        case "filesystem":
            return words("file system", device.first("target")?["dir"], place.map { "(\($0))" })
        case "hostdev":
            let address = source?.first("address")?.attributes.map(\.value).joined(separator: ":")
            return words("host device", device["type"], address)
        default:
            return words("redirected device", device["bus"])
        }
    }

    private static func words(_ parts: String?...) -> String { parts.compactMap(\.self).joined(separator: " ") }
}
