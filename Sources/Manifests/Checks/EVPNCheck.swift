import Model

extension CheckedFleet {
    /// Networks by EVPN: an autonomous system, and what FRR can carry. Its tunnels end at IPv4 addresses alone.
    static let checkEVPN: Check = { fleet, report in
        let networks = fleet.networks.all.filter { $0.spec.vxlan?.flooding == .evpn }
        guard let first = networks.first, let declared = fleet.fleets.first, fleet.fleets.count == 1 else { return }
        if declared.evpn == nil {
            report.error(
                first.resourceID, "spec.vxlan.flooding", "evpn", "the fleet has no autonomous system",
                help: "write evpn: {asn: 65000} below the Fleet's spec")
        }
        for network in networks where !(network.spec.vxlan?.peers.isEmpty ?? true) {
            report.error(
                network.resourceID, "spec.vxlan.peers", "evpn",
                "with EVPN the ends of tunnels are those that BGP tells",
                help: "leave peers out, or write flooding: static")
        }
        checkEnds(of: networks, fleet, &report)
        let ends = fleet.hosts.all.compactMap(\.spec.underlay?.address)
        for reflector in declared.evpn?.routeReflectors ?? [] {
            if !reflector.isIPv4 || ends.contains(reflector) {
                report.error(
                    ResourceID(.fleet, declared.metadata.identity), "spec.evpn.routeReflectors", "evpn",
                    reflector.isIPv4 ? "\(reflector) is a host of the fleet" : "\(reflector) is not an IPv4 address",
                    help: "write the IPv4 address of a route reflector of your own, outside the fleet")
            }
        }
    }

    private static func checkEnds(of networks: [Network], _ fleet: CheckedFleet, _ report: inout CheckReport) {
        let ids = Set(networks.map(\.metadata.identity))
        var carriers = Set(networks.flatMap(\.spec.namedHosts))
        for machine in fleet.machines.all
        where machine.spec.interfaces.contains(where: { ids.contains($0.network ?? "") }) {
            if let host = fleet.certainHost(of: machine) { carriers.insert(host.metadata.identity) }
        }
        for id in carriers.sorted() {
            guard let host = fleet.hosts[id], let address = host.spec.underlay?.address, !address.isIPv4 else {
                continue
            }
            report.error(
                host.resourceID, "spec.underlay.address", "evpn",
                "the host carries a network by EVPN, and FRR's tunnels end at IPv4 addresses",
                help: "write an IPv4 address, or flooding: static at the network")
        }
    }
}
