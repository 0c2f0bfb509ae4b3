import Model

extension Network.Service {
    /// DHCP and DNS as they are to be on every host that carries the network; nil where there are none.
    init?(_ network: Network, bridge: String, leases: [Lease], identity: Identity) {
        let id = network.metadata.identity
        guard let subnet = network.spec.subnet, let address = subnet.serviceAddress else { return nil }
        self.init(
            name: identity.serviceName(id), link: identity.serviceLinkName(id), bridge: bridge, mtu: network.spec.mtu,
            mac: identity.serviceAddress(id), isUp: true, isIsolated: true,
            addresses: ["\(address)/\(subnet.cidr.prefix)"], options: Self.options(subnet, address, network.spec.mtu),
            leases: leases, isServing: true)
    }

    /// Addresses are given to guests that are known, and to nobody else. Half of a day is how long a guest goes on before
    /// it asks again, which it does at the host it is on by then.
    private static func options(_ subnet: Network.Subnet, _ address: IPAddress, _ mtu: Int) -> [String] {
        let mask = subnet.cidr.mask?.description ?? ""
        return [
            "dhcp-range=\(subnet.cidr.address),static,\(mask),24h",
            // Without an address guests are told of no router; left out, of this one.
            "dhcp-option=option:router" + (subnet.gateway.map { ",\($0)" } ?? ""),
            "dhcp-option=option:dns-server," + ([address] + subnet.dns).map(\.description).joined(separator: ","),
            "dhcp-option=option:mtu,\(mtu)",
        ]
    }
}

extension Lookup {
    /// The fixed leases of networks that serve DHCP, sorted by address: the same on every host, so that a guest finds its
    /// own on whichever it runs.
    static func leases(_ fleet: FleetManifest) -> [String: [Network.Service.Lease]] {
        var serving: [String: Network.Subnet] = [:]
        for network in fleet.networks where network.spec.subnet?.serviceAddress != nil {
            serving[network.metadata.identity] = network.spec.subnet
        }
        guard !serving.isEmpty else { return [:] }
        let identity = Identity(fleet: fleet.fleet.uuid)
        var leases: [String: [Network.Service.Lease]] = [:]
        for machine in fleet.machines {
            for interface in machine.spec.interfaces {
                guard let network = interface.network, let subnet = serving[network],
                    let address = interface.address, subnet.cidr.contains(address)
                else { continue }
                let mac =
                    interface.mac
                    ?? identity.macAddress(
                        machine: identity.uuid(ResourceID(.virtualMachine, machine.metadata.identity)),
                        interface: interface.name)
                leases[network, default: []].append(
                    Network.Service.Lease(
                        name: machine.spec.cloudInit?.hostname ?? machine.metadata.name, mac: mac, address: address))
            }
        }
        return leases.mapValues { $0.sorted { $0.address < $1.address } }
    }
}

extension HostPlanner {
    /// DHCP and DNS of a network.
    mutating func planService(
        _ network: Network, _ seen: Network.Service?, _ resource: ResourceID, _ action: Action
    ) {
        guard let wanted = network.status?.service else {
            guard let seen else { return }
            var network = network
            network.status?.service = seen
            add(
                resource, .update, .removeService(network), .live, reason: "the network serves no DHCP any more",
                changes: [FieldChange("spec.subnet.dhcp", old: "true", new: "false")])
            return
        }
        let links =
            ["create-bridge", "update-bridge", "create-vxlan", "update-vxlan", "replace-vxlan"].map { id(resource, $0) }
            + stagedLinkRemovals(resource)
        guard let seen else {
            add(
                resource, action, .writeService(network), reason: "its DHCP and DNS are not there",
                changes: [FieldChange("status.service.address", old: nil, new: wanted.addresses.first)], after: links)
            return
        }
        guard seen != wanted else { return }
        let changes = Self.changes(from: seen, to: wanted)
        let isOnlyMore = Set(seen.leases).isSubset(of: wanted.leases) && seen.replacing(wanted.leases) == wanted
        add(
            resource, .update, .writeService(network), isOnlyMore ? .none : .live,
            reason: seen.isServing ? "its DHCP and DNS are not as declared" : "its DHCP and DNS are not answered",
            changes: changes, after: links)
    }

    private static func changes(from seen: Network.Service, to wanted: Network.Service) -> [FieldChange] {
        let whole: [FieldChange] = [
            FieldChange("status.service.namespace", old: seen.name, new: wanted.name),
            FieldChange("status.service.link", old: seen.link, new: wanted.link),
            FieldChange("status.service.bridge", old: seen.bridge, new: wanted.bridge),
            FieldChange("status.service.mtu", old: String(seen.mtu), new: String(wanted.mtu)),
            FieldChange("status.service.mac", old: seen.mac?.description, new: wanted.mac?.description),
            FieldChange("status.service.up", old: String(seen.isUp), new: String(wanted.isUp)),
            FieldChange("status.service.isolated", old: String(seen.isIsolated), new: String(wanted.isIsolated)),
            FieldChange("status.service.addresses", old: list(seen.addresses), new: list(wanted.addresses)),
            FieldChange(
                "status.service.options", old: list(seen.options.filter { !wanted.options.contains($0) }),
                new: list(wanted.options.filter { !seen.options.contains($0) })),
            FieldChange("status.service.serving", old: String(seen.isServing), new: String(wanted.isServing)),
        ].filter { $0.old != $0.new }
        let (old, new) = (Set(seen.leases), Set(wanted.leases))
        let gone = seen.leases.filter { !new.contains($0) }
        let come = wanted.leases.filter { !old.contains($0) }
        let names = Set((gone + come).map(\.name)).sorted()
        let leases = names.prefix(20).map { name in
            FieldChange(
                "leases[\(name)]", old: list(gone.filter { $0.name == name }.map(\.described)),
                new: list(come.filter { $0.name == name }.map(\.described)))
        }
        let rest = names.count - leases.count
        return whole + leases + (rest > 0 ? [FieldChange("leases", old: nil, new: "\(rest) more")] : [])
    }

    private static func list(_ items: [String]) -> String? {
        items.isEmpty ? nil : items.joined(separator: ", ")
    }
}

extension Network.Service {
    fileprivate func replacing(_ leases: [Lease]) -> Self {
        var service = self
        service.leases = leases
        return service
    }
}

extension Network.Service.Lease {
    fileprivate var described: String { "\(address) (\(mac))" }
}
