import Model

/// What is done to the interfaces of a machine that runs.
extension HostPlanner {
    /// A bridge that was made anew, or a port that somebody took away, leaves a running guest without its network.
    mutating func planTaps(_ machine: VirtualMachine, _ seen: VirtualMachine, _ resource: ResourceID) {
        let bridges = expectation.inventory.networks.reduce(into: [String: ResourceID]()) {
            if let name = $1.status?.bridge?.name { $0[name] = ResourceID(.network, $1.metadata.identity) }
        }
        for tap in observed.looseTaps where tap.machine == machine.metadata.identity {
            guard let network = bridges[tap.bridge], !isBlocked(network) else { continue }
            add(
                resource, .update, .attachTap(tap), .live, reason: "its interface is no port of the bridge",
                changes: [FieldChange("status.\(tap.device).bridge", old: nil, new: "\(network)")],
                after: [id(network, "create-bridge")])
        }
    }

    /// A running interface takes new limits at once, unless it is about to go.
    mutating func planBandwidth(_ machine: VirtualMachine, _ seen: VirtualMachine, _ resource: ResourceID) {
        guard let status = seen.status, status.state.isActive,
            machine.spec.power != .stopped || options.allowance < .stop
        else { return }
        let running = status.live ?? seen.spec
        for interface in machine.spec.interfaces {
            guard let now = running.interfaces.first(where: { $0.name == interface.name }),
                now.bandwidth != interface.bandwidth
            else { continue }
            let path = "spec.interfaces[\(interface.name)].bandwidth"
            let changes = [
                FieldChange(
                    path + ".inbound", old: now.bandwidth?.inbound?.summary,
                    new: interface.bandwidth?.inbound?.summary),
                FieldChange(
                    path + ".outbound", old: now.bandwidth?.outbound?.summary,
                    new: interface.bandwidth?.outbound?.summary),
            ]
            add(
                resource, .update, .setBandwidth(machine, interface: interface.name), .live,
                reason: "its running interface has other limits", changes: changes.filter { $0.old != $0.new },
                after: [id(resource, "update"), id(resource, "restart")])
        }
    }
}
