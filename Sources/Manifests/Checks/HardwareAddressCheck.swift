import Model

extension CheckedFleet {
    /// Ethernet addresses, stated and derived ones: each once in the fleet.
    static let checkHardwareAddresses: Check = { fleet, report in
        guard let uuid = fleet.fleets.first?.uuid else { return }
        let identity = Identity(fleet: uuid)
        var used: [MACAddress: (machine: Int, interface: Int)] = Dictionary(minimumCapacity: fleet.machines.all.count)
        for (place, machine) in fleet.machines.all.enumerated() {
            let derived = machine.spec.interfaces.contains { $0.mac == nil }
            let machineUUID = derived ? identity.uuid(machine.resourceID) : uuid
            for (index, interface) in machine.spec.interfaces.enumerated() {
                let mac = interface.mac ?? identity.macAddress(machine: machineUUID, interface: interface.name)
                guard let other = used.updateValue((place, index), forKey: mac) else { continue }
                let owner = fleet.machines.all[other.machine]
                let how = interface.mac == nil ? "the derived address \(mac)" : "\(mac)"
                report.error(
                    machine.resourceID, "spec.interfaces[\(interface.name)].mac", "mac-used",
                    "\(how) is \(owner.resourceID)'s on \(owner.spec.interfaces[other.interface].name) already",
                    help: interface.mac == nil ? "state a mac of its own" : "leave it out, then one is derived")
            }
        }
    }

    /// Link names are a hash cut to what the kernel takes, so two networks could meet.
    static let checkLinkNames: Check = { fleet, report in
        guard let uuid = fleet.fleets.first?.uuid else { return }
        let identity = Identity(fleet: uuid)
        checkLinkNames(fleet, &report) { identity.bridgeName(of: $0) }
        checkLinkNames(fleet, &report) { $0.spec.vxlan == nil ? nil : identity.tunnelName(of: $0) }
    }

    static func checkLinkNames(
        _ fleet: CheckedFleet, _ report: inout CheckReport, name: (_ network: Network) -> String?
    ) {
        var used: [String: ResourceID] = [:]
        for network in fleet.networks.all {
            guard let link = name(network) else { continue }
            guard let other = used.updateValue(network.resourceID, forKey: link) else { continue }
            report.error(
                network.resourceID, "metadata", "link-name", "its link \(link) would have the name of \(other)'s",
                help: "set metadata.id to another word before the network is first applied")
        }
    }
}
