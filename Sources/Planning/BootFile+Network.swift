import Model

extension BootFile {
    /// The files that make a network's links as `status` has them. A link with a name of its own was made by somebody, who
    /// makes it again.
    static func files(_ network: Network, _ status: Network.Status, identity: Identity) -> [BootFile] {
        let id = network.metadata.identity
        let writer = Writer(id: id, host: status.host, identity: identity)
        var files: [BootFile] = []
        if let bridge = status.bridge, bridge.name == identity.bridgeName(id) { files += writer.files(bridge) }
        if let tunnel = status.tunnel, tunnel.name == identity.tunnelName(id) {
            files += writer.files(tunnel, isIsolated: status.service != nil)
        }
        if let vlan = status.vlan { files += writer.files(vlan) }
        if let service = status.service { files += writer.files(service) }
        return files.sorted { $0.name < $1.name }
    }

    private struct Writer {
        let id: String
        let host: String
        let identity: Identity

        func files(_ bridge: Network.Bridge) -> [BootFile] {
            [
                file(bridge.name, "netdev", device(bridge.name, "bridge", bridge.mtu) + ["", "[Bridge]", "STP=no"]),
                file(bridge.name, "link", alias(bridge.name)),
                file(bridge.name, "network", link(bridge.name, bridge.mtu, isUp: bridge.isUp) + quiet),
            ]
        }

        func files(_ tunnel: Network.Tunnel, isIsolated: Bool) -> [BootFile] {
            let vxlan =
                [
                    "", "[VXLAN]", "VNI=\(tunnel.vni)", "DestinationPort=\(tunnel.port)",
                    "MacLearning=\(tunnel.flooding == .static ? "yes" : "no")", "UDPChecksum=yes",
                    // networkd binds a link to an interface only in that interface's own file, which is not ours.
                    "Independent=yes",
                ] + (tunnel.local.map { ["Local=\($0)"] } ?? [])
            let port =
                tunnel.bridge == nil
                ? []
                : [
                    "", "[Bridge]", "Learning=\(tunnel.bridgeLearns ? "yes" : "no")",
                    "NeighborSuppression=\(tunnel.suppressesNeighbors ? "yes" : "no")",
                ] + (isIsolated ? ["Isolated=yes"] : [])
            let flood = tunnel.flood.flatMap {
                ["", "[BridgeFDB]", "MACAddress=00:00:00:00:00:00", "Destination=\($0)"]
            }
            return [
                file(tunnel.name, "netdev", device(tunnel.name, "vxlan", tunnel.mtu) + vxlan),
                file(tunnel.name, "link", alias(tunnel.name)),
                file(
                    tunnel.name, "network",
                    link(tunnel.name, tunnel.mtu, isUp: tunnel.isUp) + quiet
                        + (tunnel.bridge.map { ["Bridge=\($0)"] } ?? []) + port + flood),
            ]
        }

        /// networkd makes a VLAN only where the file of the interface names it, and that is not ours. So a unit makes it
        /// whenever the interface appears, whatever looks after that, and networkd does the rest.
        func files(_ vlan: Network.VLANLink) -> [BootFile] {
            guard let interface = vlan.interface else { return [] }
            let address = identity.linkAddress(host: host, link: vlan.name)
            return [
                unit(
                    vlan.name, "VLAN \(vlan.id) on \(interface) for infra network \(id)", after: interface,
                    [
                        "ip link add link \(interface) name \(vlan.name) address \(address) type vlan id \(vlan.id)"
                    ]),
                file(vlan.name, "link", alias(vlan.name)),
                file(
                    vlan.name, "network",
                    link(vlan.name, vlan.mtu, isUp: vlan.isUp) + quiet + (vlan.bridge.map { ["Bridge=\($0)"] } ?? [])),
            ]
        }

        /// DHCP and DNS once the bridge is there: as `NetworkDriver.writeService` makes them, of files that are there.
        func files(_ service: Network.Service) -> [BootFile] {
            guard let name = service.name, let link = service.link, let bridge = service.bridge, let mac = service.mac
            else { return [] }
            let alias = identity.linkAlias(ResourceID(.network, id))
            let address = identity.linkAddress(host: host, link: link)
            let folder = "\(Network.Service.folder)/\(name)"
            var commands = [
                "ip netns add \(name)", "ip -n \(name) link set dev lo alias \(alias) up",
                "ip link add name \(link) mtu \(service.mtu) address \(address)"
                    + " type veth peer name eth0 mtu \(service.mtu) address \(mac) netns \(name)",
                "ip link set dev \(link) addrgenmode none alias \(alias) master \(bridge)",
                "ip link set dev \(link) type bridge_slave isolated on", "ip link set dev \(link) up",
                "ip -n \(name) link set dev eth0 addrgenmode none",
            ]
            commands += service.addresses.map { "ip -n \(name) address add \($0) dev eth0" }
            commands += [
                "ip -n \(name) link set dev eth0 up", "rm -f \(folder)/pid \(folder)/loaded",
                "nsenter --net=/run/netns/\(name) -- dnsmasq --conf-file=\(folder)/dnsmasq.conf",
                "bash -c '\(Self.noting)' infra \(folder)",
            ]
            return [unit(name, "DHCP and DNS of infra network \(id)", after: bridge, commands)]
        }

        /// FOLDER: notes what dnsmasq has read, as `ServiceScripts.serve` does; as it stands in a unit, where a dollar, a percent sign
        /// and a backslash are doubled (systemd.service(5)).
        private static let noting = [
            #"cd "$$1""#, "read -r pid <pid", #"read -r -a stat <"/proc/$$pid/stat""#,
            #"digest=$$(printf "%%s\\0%%s\\0%%s" "$$(<dnsmasq.conf)" "$$(<leases)" "$$(<names)" | sha256sum)"#,
            #"echo "$$pid $${stat[21]} $${digest:0:16}" >loaded"#,
        ].joined(separator: " && ")

        /// A unit that runs commands when a link appears, and is over when that goes. Their effects stay.
        private func unit(
            _ name: String, _ description: String, after link: String, _ commands: [String]
        ) -> BootFile {
            let device = "sys-subsystem-net-devices-\(Self.escaped(link)).device"
            return file(
                name, "service",
                [
                    "[Unit]", "Description=\(description)", "BindsTo=\(device)", "After=\(device)", "", "[Service]",
                    "Type=oneshot", "RemainAfterExit=yes",
                ] + commands.map { "ExecStart=\($0)" } + ["", "[Install]", "WantedBy=\(device)"])
        }

        /// An interface's name as it stands in the name of a unit (systemd-escape(1)).
        private static func escaped(_ interface: String) -> String {
            interface.utf8.enumerated().map { place, byte in
                let isPlain: Bool
                switch byte {
                case 0x30...0x3a, 0x41...0x5a, 0x5f, 0x61...0x7a: isPlain = true
                case 0x2e: isPlain = place > 0
                default: isPlain = false
                }
                return isPlain ? String(decoding: [byte], as: UTF8.self) : "\\x" + [byte].hexDigits
            }.joined()
        }

        private func file(_ link: String, _ kind: String, _ lines: [String]) -> BootFile {
            let mark = identity.fileMark(ResourceID(.network, id))
            return BootFile(
                network: id, name: "\(identity.bootFilePrefix)\(link).\(kind)",
                text: ([mark] + lines).joined(separator: "\n") + "\n")
        }

        private func device(_ name: String, _ kind: String, _ mtu: Int) -> [String] {
            [
                "[NetDev]", "Name=\(name)", "Kind=\(kind)", "MTUBytes=\(mtu)",
                "MACAddress=\(identity.linkAddress(host: host, link: name))",
            ]
        }

        private func alias(_ name: String) -> [String] {
            [
                "[Match]", "OriginalName=\(name)", "", "[Link]",
                "Alias=\(identity.linkAlias(ResourceID(.network, id)))",
            ]
        }

        private func link(_ name: String, _ mtu: Int, isUp: Bool) -> [String] {
            [
                "[Match]", "Name=\(name)", "", "[Link]", "MTUBytes=\(mtu)", "RequiredForOnline=no",
                "ActivationPolicy=\(isUp ? "up" : "down")", "", "[Network]",
            ]
        }

        /// No address of the host's, through which guests would reach it.
        private let quiet = ["LinkLocalAddressing=no", "IPv6AcceptRA=no", "ConfigureWithoutCarrier=yes"]
    }
}
