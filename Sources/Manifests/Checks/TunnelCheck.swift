import Model

extension CheckedFleet {
    /// Tunnels: each identifier once, and an address to begin at on every host that certainly carries one.
    static let checkTunnels: Check = { fleet, report in
        checkIdentifiers(fleet, &report)
        checkUnderlays(fleet, &report)
        checkKinds(fleet, &report)
        var told: Set<String> = []
        for network in fleet.networks.all where network.spec.vxlan != nil {
            for id in network.spec.namedHosts {
                guard let host = fleet.hosts[id], host.spec.underlay == nil else { continue }
                tell(host, network, &told, &report)
            }
        }
        for machine in fleet.machines.all {
            for interface in machine.spec.interfaces {
                guard let id = interface.network, let network = fleet.networks[id], network.spec.vxlan != nil,
                    let host = fleet.certainHost(of: machine), host.spec.underlay == nil
                else { continue }
                tell(host, network, &told, &report)
            }
        }
    }

    /// A link's own end is of one kind, and it can only send to ends like it.
    private static func checkKinds(_ fleet: CheckedFleet, _ report: inout CheckReport) {
        var carriers: [String: Set<String>] = [:]
        for machine in fleet.machines.all {
            guard let host = fleet.certainHost(of: machine) else { continue }
            for id in machine.spec.interfaces.compactMap(\.network) {
                carriers[id, default: []].insert(host.metadata.identity)
            }
        }
        for network in fleet.networks.all where network.spec.vxlan != nil {
            let hosts = carriers[network.metadata.identity, default: []].union(network.spec.namedHosts).sorted()
            let ends = hosts.compactMap { id in
                fleet.hosts[id].flatMap { host in host.spec.underlay.map { (host, $0.address) } }
            }
            guard let first = ends.first, let other = ends.first(where: { $0.1.isIPv4 != first.1.isIPv4 }) else {
                continue
            }
            report.error(
                network.resourceID, "spec.vxlan", "underlay-mixed",
                "Host/\(first.0.metadata.name) carries it at \(first.1), Host/\(other.0.metadata.name) at \(other.1)",
                help: "give hosts of one VXLAN network underlay addresses of one kind, IPv4 or IPv6")
        }
    }

    private static func tell(
        _ host: KVMHost, _ network: Network, _ told: inout Set<String>, _ report: inout CheckReport
    ) {
        guard told.insert(host.metadata.identity).inserted else { return }
        report.error(
            host.resourceID, "spec.underlay", "no-underlay",
            "the host carries the VXLAN network \(network.metadata.name) but has no underlay",
            help: "write underlay: {address: 192.0.2.11}, the host's address that tunnels begin at")
    }

    private static func checkIdentifiers(_ fleet: CheckedFleet, _ report: inout CheckReport) {
        var used: [Int: ResourceID] = [:]
        for network in fleet.networks.all {
            guard let vni = network.spec.vxlan?.vni else { continue }
            if let other = used.updateValue(network.resourceID, forKey: vni) {
                report.error(
                    network.resourceID, "spec.vxlan.vni", "vni-used", "\(vni) is \(other)'s already",
                    help: "give each network its own, from 1 to 16777215")
            }
        }
    }

    private static func checkUnderlays(_ fleet: CheckedFleet, _ report: inout CheckReport) {
        var used: [IPAddress: ResourceID] = [:]
        for host in fleet.hosts.all {
            guard let address = host.spec.underlay?.address else { continue }
            if let other = used.updateValue(host.resourceID, forKey: address) {
                report.error(
                    host.resourceID, "spec.underlay.address", "underlay-used", "\(address) is \(other)'s already",
                    help: "write this host's own address")
            }
        }
    }
}
