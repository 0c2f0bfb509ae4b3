import Model

extension HostPlanner {
    private var routed: [Network] {
        expectation.inventory.networks.filter { $0.status?.tunnel?.flooding == .evpn }
    }

    /// Before networks are planned: those by EVPN need an FRR that can be told.
    mutating func holdUnrouted() {
        guard !routed.isEmpty, let reason = reasonAgainstRouting() else { return }
        for network in routed { block(ResourceID(.network, network.metadata.identity), reason) }
    }

    private func reasonAgainstRouting() -> String? {
        if let area = observed.unknown.first(where: { $0.area == .routing }) {
            return "what FRR says could not be observed: \(area.reason)"
        }
        guard let wanted = expectation.inventory.evpn else { return nil }
        if !wanted.address.isIPv4 {
            return "its underlay address is \(wanted.address), and FRR's tunnels end at IPv4 addresses"
        }
        if let router = observed.foreignRouter, router.asn != wanted.asn {
            return "FRR's router bgp on \(host) is AS \(router.asn) and not ours; the fleet's EVPN is AS \(wanted.asn)"
        }
        if let neighbor = observed.foreignRouter?.neighbors.first(where: wanted.neighbors.contains) {
            return "FRR on \(host) has neighbor \(neighbor) already, which is not ours and would lose its settings"
        }
        return nil
    }

    /// After networks: FRR is told while there is one by EVPN, and the fleet's part goes after the last link.
    mutating func planRouting() {
        guard !observed.unknown.contains(where: { $0.area == .host || $0.area == .routing }), isRoutingMeant else {
            return
        }
        let resource = ResourceID(.host, host)
        guard let wanted = expectation.inventory.evpn else {
            guard observed.evpn != nil else { return }
            planUnrouting(resource)
            return
        }
        guard reasonAgainstRouting() == nil else { return }
        let seen = observed.evpn
        let changes = Self.changes(from: seen, to: wanted)
        guard !changes.isEmpty else { return }
        let isOnlyFile = changes.allSatisfy { $0.field == "evpn.saved" }
        let reason = isOnlyFile ? "frr.conf does not have it" : "FRR does not say what the fleet's EVPN needs"
        add(
            resource, .update, .writeRouting(wanted), seen == nil || isOnlyFile ? .none : .live,
            reason: seen == nil ? "FRR is told of the fleet's EVPN" : reason, changes: changes)
    }

    /// Before the links that need it no more: FRR takes what it wrote off a link that is there, and a static one would lose
    /// entries that are then its own.
    private mutating func planUnrouting(_ resource: ResourceID) {
        var ends: [Int] = []
        for network in observed.networks where network.status?.tunnel?.flooding == .evpn {
            let id = ResourceID(.network, network.metadata.identity)
            let places = steps.indices.filter { place in
                guard steps[place].resource == id, options.allows(steps[place]) else { return false }
                switch steps[place].operation {
                case .removeTunnel, .releaseTunnel, .replaceTunnel: return true
                default: return false
                }
            }
            if places.isEmpty { return }
            ends += places
        }
        for place in ends { steps[place].after.append(id(resource, Operation.removeRouting.name)) }
        add(
            resource, .update, .removeRouting, .live, reason: "no network on it is carried by EVPN any more",
            changes: [FieldChange("evpn.asn", old: observed.evpn.map { String($0.asn) }, new: nil)])
    }

    /// Whether a run for named resources is about EVPN.
    private var isRoutingMeant: Bool {
        guard !options.targets.isEmpty else { return true }
        let networks = Set(routed.map { ResourceID(.network, $0.metadata.identity) })
        if options.targets.contains(ResourceID(.host, host)) || !networks.isDisjoint(with: options.targets) {
            return true
        }
        return expectation.inventory.machines.contains { machine in
            options.targets.contains(ResourceID(.virtualMachine, machine.metadata.identity))
                && !networks.isDisjoint(with: machine.references)
        }
    }

    private static func changes(from seen: EVPN?, to wanted: EVPN) -> [FieldChange] {
        func list(_ addresses: [IPAddress]?) -> String? {
            guard let addresses, !addresses.isEmpty else { return nil }
            return addresses.map(\.description).joined(separator: ", ")
        }
        let always = [
            FieldChange("evpn.asn", old: seen.map { String($0.asn) }, new: String(wanted.asn)),
            FieldChange("underlay.address", old: seen?.address.description, new: wanted.address.description),
            FieldChange("evpn.neighbors", old: list(seen?.neighbors), new: list(wanted.neighbors)),
        ]
        guard let seen else { return always.filter { $0.old != $0.new } }
        let ofWhatIsThere = [
            FieldChange(
                "evpn.ownsAdvertising", old: String(seen.ownsAdvertising), new: String(wanted.ownsAdvertising)),
            FieldChange("evpn.intact", old: String(seen.isIntact), new: String(wanted.isIntact)),
            FieldChange("evpn.saved", old: String(seen.isSaved), new: String(wanted.isSaved)),
        ]
        return (always + ofWhatIsThere).filter { $0.old != $0.new }
    }
}
