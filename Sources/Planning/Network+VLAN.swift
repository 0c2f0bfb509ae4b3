import Model

/// Where VLANs were seen joined to their networks. Two places at once are a loop, also for a moment.
struct VLANPlaces {
    /// The hosts on which a network's VLAN link is, by network.
    private var holders: [String: [String]] = [:]
    /// Hosts that may have a link, of that network or of any, with the reason.
    private var unseen: [(host: String, network: String?, reason: String)] = []

    init(_ manifest: FleetManifest, observed: [String: HostInventory]) {
        guard manifest.networks.contains(where: { $0.spec.vlan != nil }) else { return }
        let offline = Set(manifest.hosts.filter(\.spec.offline).map(\.metadata.identity))
        // With those that other hosts remember and no manifest has.
        let hosts = Set(manifest.hosts.map(\.metadata.identity)).union(observed.keys).subtracting(offline)
        for id in hosts.sorted() {
            guard let inventory = observed[id] else {
                unseen.append((id, nil, "the host was not observed"))
                continue
            }
            for network in inventory.networks where network.status?.vlan != nil {
                holders[network.metadata.identity, default: []].append(id)
            }
            for area in inventory.unknown where area.area == .host || area.area == .network {
                if area.resource == nil || area.resource?.kind == .network {
                    unseen.append((id, area.resource?.id, area.reason))
                }
            }
        }
    }

    /// The steps after which the VLAN is joined nowhere else.
    func releases(of network: String, except host: String) -> [String] {
        (holders[network] ?? []).filter { $0 != host }.map { release(network, on: $0) }
    }

    /// Leaves out what would join a VLAN at a second place, now or when its host starts, since the first one stays.
    func loops(_ steps: [Step]) -> (steps: [Step], blocked: [Blocked]) {
        guard !holders.isEmpty else { return (steps, []) }
        let ids = Set(steps.map(\.id))
        let blocked = steps.compactMap { step -> Blocked? in
            guard case .createVLAN = step.operation else { return nil }
            let staying = (holders[step.resource.id] ?? []).filter { $0 != step.host }.first {
                !ids.contains(release(step.resource.id, on: $0))
            }
            return staying.map {
                Blocked(
                    host: step.host, resource: step.resource,
                    reason: "host \($0) still has its VLAN and keeps it for now; two would be a loop")
            }
        }
        let kept = steps.filter { step in
            switch step.operation {
            case .createVLAN, .writeBootFiles:
                !blocked.contains { $0.host == step.host && $0.resource == step.resource }
            default: true
            }
        }
        return (kept, blocked)
    }

    private func release(_ network: String, on host: String) -> String {
        Step.id(host: host, resource: ResourceID(.network, network), "remove-vlan")
    }

    /// Why it is not known that the VLAN is joined nowhere else; nil when it is known.
    func doubt(of network: String, except host: String) -> String? {
        unseen.first { $0.host != host && ($0.network ?? network) == network }.map {
            "host \($0.host) may still have its VLAN, and two would be a loop: \($0.reason)"
        }
    }
}

extension HostPlanner {
    /// Before networks are planned: those whose VLAN the host cannot make.
    mutating func holdVLANs() {
        for network in expectation.inventory.networks {
            guard let wanted = network.status?.vlan else { continue }
            let resource = ResourceID(.network, network.metadata.identity)
            if let ground = observed.vlans { holdVLAN(wanted, ground, resource) }
            let isThere = observed.networks.contains {
                $0.metadata.identity == resource.id && $0.status?.vlan != nil
            }
            if !isThere, let doubt = vlans.doubt(of: resource.id, except: host) { block(resource, doubt) }
        }
    }

    private mutating func holdVLAN(_ wanted: Network.VLANLink, _ ground: VLANGround, _ resource: ResourceID) {
        guard ground.isThere else {
            block(
                resource, "vlan", "the kernel of \(host) makes no VLANs (8021q)", field: "spec.vlan",
                help: "`infra doctor` says what mends it; or name a host whose kernel does")
            return
        }
        let name = wanted.interface ?? ""
        guard let interface = ground.interfaces.first(where: { $0.name == name }) else {
            block(
                resource, "vlan", "there is no interface \(name) on \(host)", field: "spec.vlan.interface",
                help: "`ip link` there lists those that there are")
            return
        }
        guard interface.mtu < wanted.mtu else { return }
        block(
            resource, "vlan",
            "frames of \(wanted.mtu) bytes do not fit \(name) of \(host), whose MTU is \(interface.mtu)",
            field: "spec.vlan.interface",
            help: "write mtu: \(interface.mtu) at the network, or raise the MTU of \(name)")
    }

    /// After the bridge: the VLAN's link. What only a new link can have is set by making it anew, with the old one gone
    /// first: networks may exchange their VLANs.
    mutating func planVLAN(
        _ network: Network, _ seen: Network.VLANLink?, _ resource: ResourceID, _ action: Action
    ) {
        guard let wanted = network.status?.vlan else {
            guard let seen else { return }
            add(
                resource, .update, .removeVLAN(network), .live, reason: "its VLAN is not joined here any more",
                changes: [FieldChange("spec.vlan.id", old: String(seen.id), new: nil)])
            return
        }
        let before =
            ["create-bridge", "update-bridge"].map { id(resource, $0) } + stagedLinkRemovals(resource)
            + vlans.releases(of: resource.id, except: host) + freeing(wanted, except: resource)
        guard let seen else {
            add(
                resource, action, .createVLAN(network), action == .create ? .none : .live,
                reason: "the VLAN's link is not there", after: before)
            return
        }
        let kernelWide = [
            FieldChange("spec.vlan.id", old: String(seen.id), new: String(wanted.id)),
            FieldChange("spec.vlan.interface", old: seen.interface, new: wanted.interface),
        ].filter { $0.old != $0.new }
        let inPlace = [
            FieldChange("spec.mtu", old: String(seen.mtu), new: String(wanted.mtu)),
            FieldChange("status.vlan.up", old: String(seen.isUp), new: String(wanted.isUp)),
            FieldChange("status.vlan.bridge", old: seen.bridge, new: wanted.bridge),
        ].filter { $0.old != $0.new }
        if !kernelWide.isEmpty {
            add(
                resource, .update, .removeVLAN(network), .live,
                reason: "the kernel sets the VLAN and its interface only on a new link", changes: kernelWide)
            add(
                resource, .update, .createVLAN(network), .live,
                reason: "made anew under the standing bridge; traffic with the VLAN pauses", changes: inPlace,
                after: before + [id(resource, "remove-vlan")])
        } else if !inPlace.isEmpty {
            add(
                resource, .update, .updateVLAN(network), .live, reason: "the VLAN's link is not as declared",
                changes: inPlace, after: before)
        }
    }

    /// The steps that free a VLAN that another network of ours has now: the kernel has each only once on an interface.
    private func freeing(_ link: Network.VLANLink, except resource: ResourceID) -> [String] {
        holders(of: link, except: resource).map { id(ResourceID(.network, $0), "remove-vlan") }
    }

    private func holders(of link: Network.VLANLink, except resource: ResourceID) -> [String] {
        observed.networks.filter {
            $0.metadata.identity != resource.id && $0.status?.vlan?.id == link.id
                && $0.status?.vlan?.interface == link.interface
        }.map(\.metadata.identity)
    }

    /// Networks whose VLAN links cannot be made, since another one of ours has their VLAN and keeps it.
    var heldVLANs: [ResourceID: String] {
        var freed: Set<String> = []
        for step in steps { if case .removeVLAN = step.operation { freed.insert(step.resource.id) } }
        return steps.reduce(into: [:]) { held, step in
            guard case .createVLAN(let network) = step.operation, let link = network.status?.vlan else { return }
            let holder = holders(of: link, except: step.resource).first { !freed.contains($0) }
            if let holder {
                held[step.resource] =
                    "Network/\(holder) has its VLAN \(link.id) on \(link.interface ?? "") and stays"
            }
        }
    }
}
