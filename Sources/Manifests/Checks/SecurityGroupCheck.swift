import Model

extension CheckedFleet {
    /// Security groups: every name is a group of the same network, and who is named as a remote has an address.
    static let checkSecurityGroups: Check = { fleet, report in
        var remotes: [String: Set<String>] = [:]
        for network in fleet.networks.all {
            let names = network.spec.securityGroups.map(\.name)
            for group in network.spec.securityGroups {
                for remote in group.ingress.compactMap(\.group) {
                    remotes[network.metadata.identity, default: []].insert(remote)
                    guard !names.contains(remote) else { continue }
                    report.error(
                        network.resourceID, "spec.securityGroups[\(group.name)].ingress", "unknown-reference",
                        "the network has no security group \(Wording.quoted(remote))", help: known(names))
                }
            }
        }
        for machine in fleet.machines.all {
            for interface in machine.spec.interfaces where !interface.securityGroups.isEmpty {
                guard let id = interface.network, let network = fleet.networks[id] else { continue }
                let names = network.spec.securityGroups.map(\.name)
                for group in interface.securityGroups {
                    if !names.contains(group) {
                        report.error(
                            machine.resourceID, "spec.interfaces[\(interface.name)].securityGroups",
                            "unknown-reference",
                            "network \(network.metadata.name) has no security group \(Wording.quoted(group))",
                            help: known(names))
                    } else if interface.address == nil, remotes[id]?.contains(group) == true {
                        report.error(
                            machine.resourceID, "spec.interfaces[\(interface.name)]", "group-without-address",
                            "rules allow what comes from group \(group), and this member of it has no address",
                            help: "write its address")
                    }
                }
            }
        }
    }

    private static func known(_ names: [String]) -> String {
        names.isEmpty ? "it has none; write spec.securityGroups" : "it has \(Wording.alternatives(names))"
    }
}
