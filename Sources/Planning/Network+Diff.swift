import Model

extension HostPlanner {
    /// Bridges and VXLAN links.
    mutating func planNetworks() {
        let seen = Dictionary(
            observed.networks.map { ($0.metadata.identity, $0) }, uniquingKeysWith: { first, _ in first })
        for network in expectation.inventory.networks {
            guard let status = network.status else { continue }
            let resource = ResourceID(.network, network.metadata.identity)
            if isHeld(resource, area: .network) || isNetworkInTheWay(network, status, of: resource)
                || isRenamed(status, seen[network.metadata.identity]?.status, resource)
            {
                continue
            }
            let action: Action = seen[network.metadata.identity] == nil ? .create : .update
            tellNarrowUnderlay(status, resource)
            planBridge(network, seen[network.metadata.identity]?.status?.bridge, resource, action)
            planTunnel(network, seen[network.metadata.identity]?.status?.tunnel, resource, action)
            planVLAN(network, seen[network.metadata.identity]?.status?.vlan, resource, action)
            planService(network, seen[network.metadata.identity]?.status?.service, resource, action)
            planBootFiles(network, status, resource, action)
        }
    }

    /// Networks that are not in the manifests.
    mutating func planLeavingNetworks() {
        let wanted = Set(expectation.inventory.networks.map(\.metadata.identity))
        for network in observed.networks where !wanted.contains(network.metadata.identity) { planRemoval(of: network) }
    }

    private mutating func isNetworkInTheWay(
        _ network: Network, _ status: Network.Status, of resource: ResourceID
    ) -> Bool {
        for link in observed.foreign where link.kind == .link {
            if [status.bridge?.name, status.tunnel?.name, status.vlan?.name].contains(link.name) {
                if !link.owner.isEmpty, network.hasOwnName(link.name) {
                    refuse(
                        "adopt-foreign", "\(link.described) is somebody else's and is not adopted", resource,
                        field: "spec", help: "remove it from that fleet first")
                } else {
                    block(
                        resource,
                        "\(link.described) has its name and is not ours" + (link.obstacle.map { ": \($0)" } ?? ""))
                }
                return true
            }
            if let tunnel = status.tunnel, link.vni == tunnel.vni, link.port ?? 4789 == tunnel.port {
                block(resource, "VNI \(tunnel.vni) on port \(tunnel.port) is taken by \(link.described), not ours")
                return true
            }
            if let vlan = status.vlan, link.vlan == vlan.id, link.interface == vlan.interface {
                block(
                    resource,
                    "VLAN \(vlan.id) on \(link.interface ?? "") is taken by \(link.described), not ours")
                return true
            }
        }
        return false
    }

    /// A frame of the network with the headers around it (RFC 7348) is to fit the underlay; else it goes in fragments,
    /// or nowhere.
    private mutating func tellNarrowUnderlay(_ wanted: Network.Status, _ resource: ResourceID) {
        guard let tunnel = wanted.tunnel, let underlay = observed.underlayMTU, let local = tunnel.local else { return }
        let room = underlay - (local.isIPv4 ? 50 : 70)
        guard tunnel.mtu > room else { return }
        notes.append(
            Diagnostic(
                .warning, code: "underlay-mtu",
                "frames of \(tunnel.mtu) bytes do not fit the underlay of \(host), whose MTU is \(underlay)",
                help: "write mtu: \(room) at the network, or raise the MTU of the underlay", resource: resource,
                field: "spec.vxlan.mtu"))
    }

    /// A link keeps its name: guests' definitions hold it.
    private mutating func isRenamed(
        _ wanted: Network.Status, _ seen: Network.Status?, _ resource: ResourceID
    ) -> Bool {
        let links = [
            ("spec.bridge.name", seen?.bridge?.name, wanted.bridge?.name),
            ("spec.vxlan.name", seen?.tunnel?.name, wanted.tunnel?.name),
        ]
        for (field, seen, wanted) in links {
            guard let seen, let wanted, seen != wanted else { continue }
            refuse("link-name", "its link is \(seen) and keeps that name", resource, field: field)
            return true
        }
        return false
    }

    private mutating func planBridge(
        _ network: Network, _ seen: Network.Bridge?, _ resource: ResourceID, _ action: Action
    ) {
        guard let wanted = network.status?.bridge else { return }
        guard let seen else {
            add(
                resource, action, .createBridge(network), action == .create ? .none : .live,
                reason: "the bridge is not there", after: stagedLinkRemovals(resource))
            return
        }
        let changes = [
            FieldChange("spec.mtu", old: String(seen.mtu), new: String(wanted.mtu)),
            FieldChange("status.bridge.up", old: String(seen.isUp), new: String(wanted.isUp)),
        ].filter { $0.old != $0.new }
        guard !changes.isEmpty else { return }
        add(
            resource, .update, .updateBridge(network), .live, reason: "the bridge is not as declared", changes: changes)
    }

    /// A standing link floods to where a machine comes from until it has moved.
    private mutating func planTunnel(
        _ network: Network, _ seen: Network.Tunnel?, _ resource: ResourceID, _ action: Action
    ) {
        guard let seen, let wanted = network.status?.tunnel else {
            planLink(network, seen, resource, action)
            return
        }
        let lingering = (transit.lingering[resource.id] ?? []).filter {
            seen.flood.contains($0.address) && !wanted.flood.contains($0.address)
        }
        var first = network
        first.status?.tunnel?.flood = Set(wanted.flood + lingering.map(\.address)).sorted()
        planLink(first, seen, resource, action)
        guard !lingering.isEmpty else { return }
        add(
            resource, .update, .trimTunnel(network), reason: "who was there has moved",
            changes: [
                FieldChange(
                    "spec.vxlan.peers", old: Self.list(first.status?.tunnel?.flood ?? []), new: Self.list(wanted.flood))
            ],
            after: ["create-vxlan", "update-vxlan", "replace-vxlan"].map { id(resource, $0) } + lingering.map(\.after))
    }

    private mutating func planLink(
        _ network: Network, _ seen: Network.Tunnel?, _ resource: ResourceID, _ action: Action
    ) {
        let bridge =
            [id(resource, "create-bridge"), id(resource, "update-bridge")] + stagedLinkRemovals(resource)
        guard let wanted = network.status?.tunnel else {
            if seen != nil {
                let changes = [FieldChange("spec.vxlan.vni", old: seen.map { String($0.vni) }, new: nil)]
                let reason = "the network has no VXLAN any more"
                if let seen, seen.name != identity.tunnelName(resource.id) {
                    var network = network
                    network.status?.tunnel = seen
                    add(resource, .update, .releaseTunnel(network), reason: reason, changes: changes)
                } else {
                    add(resource, .update, .removeTunnel(network), .live, reason: reason, changes: changes)
                }
            }
            return
        }
        guard let seen else {
            add(
                resource, action, .createTunnel(network), action == .create ? .none : .live,
                reason: "the VXLAN link is not there", after: bridge + freeing(wanted, except: resource))
            return
        }
        let kernelWide = [
            FieldChange("spec.vxlan.vni", old: String(seen.vni), new: String(wanted.vni)),
            FieldChange("spec.vxlan.port", old: String(seen.port), new: String(wanted.port)),
            FieldChange("underlay.address", old: seen.local?.description, new: wanted.local?.description),
            FieldChange("underlay.interface", old: seen.interface, new: wanted.interface),
            // Each side keeps entries that the other would not find as it left them.
            FieldChange("spec.vxlan.flooding", old: seen.flooding.rawValue, new: wanted.flooding.rawValue),
        ].filter { $0.old != $0.new }
        let inPlace = [
            FieldChange("spec.mtu", old: String(seen.mtu), new: String(wanted.mtu)),
            FieldChange("status.vxlan.up", old: String(seen.isUp), new: String(wanted.isUp)),
            FieldChange("status.vxlan.bridge", old: seen.bridge, new: wanted.bridge),
            FieldChange(
                "spec.vxlan.peers", old: wanted.flooding == .evpn ? nil : Self.list(seen.flood),
                new: Self.list(wanted.flood)),
            FieldChange("status.vxlan.learns", old: String(seen.bridgeLearns), new: String(wanted.bridgeLearns)),
            FieldChange(
                "status.vxlan.suppresses", old: String(seen.suppressesNeighbors),
                new: String(wanted.suppressesNeighbors)),
        ].filter { $0.old != $0.new }
        if !kernelWide.isEmpty, isVNIInPlay(seen.vni, wanted.vni, resource) {
            add(
                resource, .update, .removeTunnel(network), .live,
                reason: "another network takes over its VNI, and the kernel has each only once")
            add(
                resource, .update, .createTunnel(network), .live,
                reason: "made anew under the standing bridge; traffic between hosts pauses",
                changes: kernelWide + inPlace,
                after: bridge + [id(resource, "remove-vxlan")] + freeing(wanted, except: resource))
        } else if !kernelWide.isEmpty {
            add(
                resource, .update, .replaceTunnel(network), .live,
                reason: "the kernel sets these only on a new link; the bridge stands, traffic between hosts pauses",
                changes: kernelWide + inPlace, after: bridge + freeing(wanted, except: resource))
        } else if !inPlace.isEmpty {
            add(
                resource, .update, .updateTunnel(network), .live, reason: "the VXLAN link is not as declared",
                changes: inPlace, after: bridge)
        }
    }

    private static func list(_ addresses: [IPAddress]) -> String? {
        addresses.isEmpty ? nil : addresses.map(\.description).joined(separator: ", ")
    }

    /// Whether two networks of ours exchange VNIs, so that both links have to go before either is made.
    private func isVNIInPlay(_ old: Int, _ new: Int, _ resource: ResourceID) -> Bool {
        guard old != new else { return false }
        let others = expectation.inventory.networks.filter { $0.metadata.identity != resource.id }
        return others.contains { $0.status?.tunnel?.vni == old }
            || observed.networks.contains { $0.metadata.identity != resource.id && $0.status?.tunnel?.vni == new }
    }

    /// The steps that free the VNI another network of ours holds now: the kernel has each only once.
    private func freeing(_ tunnel: Network.Tunnel, except resource: ResourceID) -> [String] {
        observed.networks.filter {
            $0.status?.tunnel?.vni == tunnel.vni && ResourceID(.network, $0.metadata.identity) != resource
        }.flatMap { network in
            ["remove-vxlan", "replace-vxlan"].map { id(ResourceID(.network, network.metadata.identity), $0) }
        }
    }

    /// Networks whose links cannot be made, since another one of ours has their VNI and keeps it.
    var heldVNIs: [ResourceID: String] {
        var freed: Set<String> = []
        for step in steps {
            switch step.operation {
            case .removeTunnel, .replaceTunnel: freed.insert(step.resource.id)
            default: break
            }
        }
        return steps.reduce(into: [:]) { held, step in
            let wanted: Network.Tunnel?
            switch step.operation {
            case .createTunnel(let network), .replaceTunnel(let network): wanted = network.status?.tunnel
            default: wanted = nil
            }
            guard let wanted else { return }
            let holder = observed.networks.first {
                $0.status?.tunnel?.vni == wanted.vni && $0.metadata.identity != step.resource.id
                    && !freed.contains($0.metadata.identity)
            }
            if let holder {
                held[step.resource] = "Network/\(holder.metadata.identity) has its VNI \(wanted.vni) and stays"
            }
        }
    }

    private mutating func planRemoval(of network: Network) {
        let resource = ResourceID(.network, network.metadata.identity)
        if isHeld(resource, area: .network) { return }
        let users = observed.machines.filter { machine in
            network.status?.bridge.map { machine.allBridges.contains($0.name) } ?? false
        }
        if let reason = reasonToStay(users) {
            block(resource, reason)
            return
        }
        let after = users.flatMap { releases(of: $0.metadata.identity) }
        let kept = "not in the manifests; it has a name of its own and stays"
        if let tunnel = network.status?.tunnel {
            if tunnel.name == identity.tunnelName(resource.id) {
                add(resource, .delete, .removeTunnel(network), .live, reason: "not in the manifests", after: after)
            } else {
                add(resource, .release, .releaseTunnel(network), reason: kept, after: after)
            }
        }
        if network.status?.vlan != nil {
            add(resource, .delete, .removeVLAN(network), .live, reason: "not in the manifests", after: after)
        }
        if network.status?.service != nil {
            add(resource, .delete, .removeService(network), .live, reason: "not in the manifests", after: after)
        }
        defer { planBootFilesRemoval(resource) }
        guard let bridge = network.status?.bridge else { return }
        let parts = ["remove-vxlan", "remove-vlan", "remove-service"].map { id(resource, $0) }
        if bridge.name == identity.bridgeName(resource.id) {
            add(
                resource, .delete, .removeBridge(network), .live, reason: "not in the manifests",
                after: after + parts + [id(resource, "release-vxlan")])
        } else {
            add(
                resource, .release, .releaseBridge(network), reason: kept, after: after + parts)
        }
    }

    /// Whether a machine stays, runs, and is not ours to restart.
    func isLeftRunning(_ machine: VirtualMachine) -> Bool {
        machine.status?.state.isActive == true
            && expectation.inventory.machines.contains {
                $0.metadata.identity == machine.metadata.identity && $0.spec.power == .manual
            }
    }
}

extension Network {
    /// Whether the manifest gives one of its links that name.
    fileprivate func hasOwnName(_ link: String) -> Bool { spec.bridgeName == link || spec.vxlan?.name == link }
}
