import Model

extension CheckedFleet {
    /// DHCP and DNS of networks: an address of the subnet to answer at, and addresses that DHCP knows.
    static let checkServices: Check = { fleet, report in
        for network in fleet.networks.all {
            guard let subnet = network.spec.subnet else { continue }
            if let server = subnet.server, !subnet.cidr.isHost(server) {
                report.error(
                    network.resourceID, "spec.subnet.server", "server-outside",
                    "\(server) is no machine's address in \(subnet.cidr)",
                    help: "write an address inside it, not its first or last")
            }
            guard subnet.servesDHCP else { continue }
            if !subnet.cidr.address.isIPv4 {
                report.error(
                    network.resourceID, "spec.subnet.dhcp", "dhcp-ipv6", "there is DHCP for IPv4 only",
                    help: "leave dhcp out; cloud-init tells guests their addresses")
            } else if network.spec.vxlan?.flooding == .evpn {
                report.error(
                    network.resourceID, "spec.subnet.dhcp", "dhcp-evpn",
                    "hosts by EVPN would tell each other of the one Ethernet address that answers on all of them",
                    help: "leave dhcp out, or write flooding: static")
            } else if subnet.serviceAddress == nil {
                report.error(
                    network.resourceID, "spec.subnet.dhcp", "dhcp-server", "nothing says at which address it answers",
                    help: "write server, an address of \(subnet.cidr) that nothing else has, or gateway")
            }
        }
    }
}
