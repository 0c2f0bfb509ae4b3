import Model

extension CheckedFleet {
    /// VLANs: each is one network's, on an interface that no run makes or removes.
    static let checkVLANs: Check = { fleet, report in
        var used: [Network.VLAN: ResourceID] = [:]
        for network in fleet.networks.all {
            guard let vlan = network.spec.vlan else { continue }
            if let other = used.updateValue(network.resourceID, forKey: vlan) {
                report.error(
                    network.resourceID, "spec.vlan.id", "vlan-used",
                    "VLAN \(vlan.id) on \(vlan.interface) of Host/\(vlan.host) is \(other)'s already",
                    help: "give each network its own, from 1 to 4094")
            }
            if let owner = fleet.owner(ofLink: vlan.interface) {
                report.error(
                    network.resourceID, "spec.vlan.interface", "vlan-link",
                    "\(vlan.interface) is a link of \(owner), through which its guests would leave their network",
                    help: "name an interface of the host's own, which leads to the wire")
            }
        }
    }

    /// The network that has a link of that name.
    private func owner(ofLink name: String) -> ResourceID? {
        guard let uuid = fleets.first?.uuid else { return nil }
        let identity = Identity(fleet: uuid)
        return networks.all.first { network in
            let id = network.metadata.identity
            return [
                identity.bridgeName(of: network), network.spec.vxlan.map { _ in identity.tunnelName(of: network) },
                network.spec.vlan.map { _ in identity.vlanName(id) }, identity.serviceLinkName(id),
            ].contains(name)
        }?.resourceID
    }
}
