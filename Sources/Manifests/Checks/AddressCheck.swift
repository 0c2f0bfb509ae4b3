import Model

extension CheckedFleet {
    private struct Address: Hashable {
        var network: String
        var address: IPAddress
    }

    /// Addresses of machines: in the subnet, not taken by anything else.
    static let checkAddresses: Check = { fleet, report in
        var used: [Address: (machine: ResourceID, interface: String)] = [:]
        for machine in fleet.machines.all {
            for interface in machine.spec.interfaces {
                guard let id = interface.network, let network = fleet.networks[id], let address = interface.address
                else { continue }
                var field: String { "spec.interfaces[\(interface.name)].address" }
                if let problem = problem(address, network) {
                    report.error(machine.resourceID, field, problem.code, problem.message, help: problem.help)
                    continue
                }
                let key = Address(network: id, address: address)
                if let other = used[key] {
                    report.error(
                        machine.resourceID, field, "address-used",
                        "\(address) is \(other.machine)'s on \(other.interface) already",
                        help: "give each interface on the network its own address")
                } else {
                    used[key] = (machine.resourceID, interface.name)
                }
            }
        }
    }

    private static func problem(
        _ address: IPAddress, _ network: Network
    ) -> (code: String, message: String, help: String)? {
        guard let subnet = network.spec.subnet else {
            return (
                "address-without-subnet", "network \(network.metadata.name) has no subnet",
                "write spec.subnet.cidr at the Network, or leave the address out"
            )
        }
        let accepted = "write an address inside \(subnet.cidr) that nothing else has"
        guard subnet.cidr.contains(address) else {
            return (
                "address-outside", "\(address) is outside \(subnet.cidr) of network \(network.metadata.name)", accepted
            )
        }
        guard subnet.cidr.isHost(address) else {
            return ("address-reserved", "\(address) is the first or last address of \(subnet.cidr)", accepted)
        }
        guard subnet.gateway != address else {
            return ("address-gateway", "\(address) is the gateway of network \(network.metadata.name)", accepted)
        }
        guard subnet.serviceAddress != address else {
            return ("address-server", "\(address) is where network \(network.metadata.name) answers DHCP", accepted)
        }
        return nil
    }

    /// Gateways lie in their own subnet.
    static let checkGateways: Check = { fleet, report in
        for network in fleet.networks.all {
            guard let subnet = network.spec.subnet, let gateway = subnet.gateway, !subnet.cidr.isHost(gateway) else {
                continue
            }
            report.error(
                network.resourceID, "spec.subnet.gateway", "gateway-outside",
                "\(gateway) is no machine's address in \(subnet.cidr)",
                help: "write an address inside it, not its first or last")
        }
    }
}
