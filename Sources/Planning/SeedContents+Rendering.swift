import Foundation
import Model

extension SeedContents {
    /// The NoCloud files of a machine. The same input gives the same bytes: an unchanged manifest is no change.
    init(_ cloudInit: CloudInit, machine: VirtualMachine, instance: UUID, networks: [String: Network]) {
        let hostname = cloudInit.hostname ?? machine.metadata.name
        let run = cloudInit.rerun.map { "-" + $0 } ?? ""
        self.init(
            metaData: """
                instance-id: \(JSONValue.quoted(instance.lowercased + run))
                local-hostname: \(JSONValue.quoted(hostname))

                """,
            userData: "#cloud-config\n" + Self.cloudConfig(cloudInit).lines, users: cloudInit.users,
            secretFiles: cloudInit.secretFiles, networkConfig: Self.networkConfig(machine, networks))
    }

    /// The user's cloud-config without what is generated: a generated key wins over a user's.
    private static func cloudConfig(_ cloudInit: CloudInit) -> JSONValue {
        var members = cloudInit.userData.members ?? []
        if !cloudInit.users.isEmpty { members.removeAll { $0.key == "users" } }
        return .object(members)
    }

    /// Network configuration version 2
    /// (https://cloudinit.readthedocs.io/en/latest/reference/network-config-format-v2.html), interfaces matched by MAC.
    private static func networkConfig(_ machine: VirtualMachine, _ networks: [String: Network]) -> String {
        guard !machine.spec.interfaces.isEmpty else { return "version: 2\nethernets: {}\n" }
        var text = "version: 2\nethernets:\n"
        for interface in machine.spec.interfaces {
            guard let mac = interface.mac else { continue }
            let subnet = interface.network.flatMap { networks[$0] }?.spec.subnet
            text += "  \(interface.name):\n    match:\n      macaddress: \"\(mac)\"\n"
            if let mtu = interface.mtu { text += "    mtu: \(mtu)\n" }
            guard let subnet, let address = interface.address else { continue }
            if subnet.serviceAddress != nil {
                text += "    dhcp4: true\n"
                continue
            }
            text += "    addresses:\n      - \"\(address)/\(subnet.cidr.prefix)\"\n"
            if let gateway = subnet.gateway {
                let target = gateway.isIPv4 ? "0.0.0.0/0" : "::/0"
                text += "    routes:\n      - to: \"\(target)\"\n        via: \"\(gateway)\"\n"
            }
            if !subnet.dns.isEmpty {
                text += "    nameservers:\n      addresses:\n"
                for server in subnet.dns { text += "        - \"\(server)\"\n" }
            }
        }
        return text
    }
}

extension JSONValue {
    /// The top level in YAML lines, the values below as JSON, which is YAML.
    fileprivate var lines: String {
        (members ?? []).reduce(into: "") { text, member in
            let isPlain =
                !member.key.isEmpty
                && member.key.utf8.allSatisfy {
                    ($0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7a) || $0 == UInt8(ascii: "_")
                }
            text += "\(isPlain ? member.key : JSONValue.quoted(member.key)): \(member.value.jsonText)\n"
        }
    }
}
