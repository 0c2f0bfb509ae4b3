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
