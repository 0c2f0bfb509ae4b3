import Model

extension HostPlanner {
    /// What the firewall's steps are about: it is the host's as a whole.
    private var hostResource: ResourceID { ResourceID(.host, host) }

    /// The step that a start waits for.
    var firewallStep: String { id(hostResource, Operation.writeFirewall(Firewall()).name) }

    /// Before machines are planned: what cannot be filtered does not start.
    mutating func holdUnfiltered() {
        if let area = observed.unknown.first(where: { $0.area == .firewall }),
            expectation.inventory.firewall != nil || observed.firewall != nil
        {
            block(hostResource, "its firewall could not be observed: \(area.reason)")
        }
        guard observed.tracksConnections == false else { return }
        let stateful = Firewall(
            ports: (expectation.inventory.firewall?.ports ?? []).filter { Firewall(ports: [$0]).tracksConnections })
        for port in stateful.ports {
            block(
                ResourceID(.virtualMachine, port.machine),
                "its security groups are stateful, and the host's kernel does not track connections on bridges "
                    + "(CONFIG_NF_CONNTRACK_BRIDGE); write stateful: false and rules for answers, or place it elsewhere"
            )
        }
    }

    /// What a machine that is not running needs of the host before it may run.
    func filtering(_ machine: VirtualMachine, _ seen: VirtualMachine?) -> [ResourceID] {
        guard seen?.status?.state.isActive != true, machine.spec.interfaces.contains(where: \.isFiltered) else {
            return []
        }
        return [hostResource]
    }

    /// After machines: rules for what comes before it starts, and those of what went once it is gone.
    mutating func planFirewall() {
        guard !isBlocked(hostResource), !observed.unknown.contains(where: { $0.area == .host }) else { return }
        let seen = observed.firewall
        let old = (seen?.ports ?? []).reduce(into: [:]) { $0[$1.name] = $1 }
        let wanted = expectation.inventory.firewall?.ports ?? []
        var before: [Firewall.Port] = []
        var after: [Firewall.Port] = []
        var waits: Set<String> = []
        for port in wanted {
            guard isFresh(port) else {
                if let kept = old[port.name] {
                    before.append(kept)
                    after.append(kept)
                }
                continue
            }
            before.append(port)
            let ends = endings(of: port.machine)
            after.append(ends.isEmpty ? port : port.without(links(of: port)))
            if !ends.isEmpty, !links(of: port).isEmpty { waits.formUnion(ends) }
        }
        let names = Set(wanted.map(\.name))
        for port in seen?.ports ?? [] where !names.contains(port.name) {
            switch fate(of: port) {
            case .stays:
                before.append(port)
                after.append(port)
            case .goes(let ends) where ends.isEmpty: break
            case .goes(let ends):
                before.append(port)
                waits.formUnion(ends)
            }
        }
        planFirewall(from: seen, over: Firewall(ports: before), to: Firewall(ports: after), after: waits.sorted())
    }

    private mutating func planFirewall(
        from seen: Firewall?, over first: Firewall, to last: Firewall, after: [String]
    ) {
        if !first.ports.isEmpty, seen?.isTheSame(as: first) != true {
            let reason =
                seen.map { $0.isIntact ? "its rules are not as declared" : "its table is not as it was written" }
                ?? "its table is not there"
            let changes = Self.changes(from: seen?.ports ?? [], to: first.ports)
            add(
                hostResource, .update, .writeFirewall(first), isNoticed(seen, first) ? .live : .none,
                reason: reason + "; replaced as a whole", changes: changes)
        }
        let isThere = seen != nil || !first.ports.isEmpty
        if last.ports.isEmpty, isThere {
            add(
                hostResource, .update, .removeFirewall, reason: "nothing is filtered any more",
                after: after + [firewallStep])
        } else if isThere, !first.isTheSame(as: last) {
            add(
                hostResource, .update, .trimFirewall(last), reason: "rules of what is gone",
                changes: Self.changes(from: first.ports, to: last.ports), after: after + [firewallStep])
        }
    }

    private enum Fate {
        case stays
        case goes(after: [String])
    }

    /// What becomes of rules that the manifests do not want: they stay with a machine that stays as it is.
    private func fate(of port: Firewall.Port) -> Fate {
        guard isFresh(port), !observed.unknown.contains(where: { $0.area == .compute }) else { return .stays }
        guard let machine = observed.machines.first(where: { $0.metadata.identity == port.machine }) else {
            return .goes(after: [])
        }
        let expected = expectation.inventory.machines.first { $0.metadata.identity == port.machine }
        let isActive = machine.status?.state.isActive == true
        if let expected, !isActive || expected.spec.interfaces.contains(where: { $0.name == port.interface }) {
            return .goes(after: [])
        }
        let ends = endings(of: port.machine)
        return ends.isEmpty ? .stays : .goes(after: ends)
    }

    /// Whether its rules are to be as declared: nothing is done about what is blocked, or not asked for.
    private func isFresh(_ port: Firewall.Port) -> Bool {
        let machine = ResourceID(.virtualMachine, port.machine)
        guard !isBlocked(machine) else { return false }
        guard !options.targets.isEmpty, !options.targets.contains(machine) else { return true }
        let interfaces = expectation.inventory.machines.first { $0.metadata.identity == port.machine }?.spec.interfaces
        return interfaces?.first { $0.name == port.interface }?.network.map {
            options.targets.contains(ResourceID(.network, $0))
        } ?? false
    }

    /// The steps of this run after which a machine's present links are gone; none when it goes on as it is.
    private func endings(of machine: String) -> [String] {
        let resource = ResourceID(.virtualMachine, machine)
        let ends = steps.filter { step in
            guard step.resource == resource else { return false }
            switch step.operation {
            case .stopMachine, .restartMachine, .undefineMachine: return true
            default: return false
            }
        }
        return ends.allSatisfy(options.allows) ? ends.map(\.id) : []
    }

    private func links(of port: Firewall.Port) -> [String] {
        observed.machines.first { $0.metadata.identity == port.machine }?.links(of: port.interface) ?? []
    }

    /// Whether a running guest's frames are filtered in another way than before.
    private func isNoticed(_ seen: Firewall?, _ first: Firewall) -> Bool {
        let active = Set(
            observed.machines.filter { $0.status?.state.isActive == true }.map(\.metadata.identity))
        guard let seen, seen.isIntact else { return !active.isEmpty }
        return (first.ports + seen.ports).contains { port in
            active.contains(port.machine)
                && !(first.ports.contains { $0.isTheSame(as: port) } && seen.ports.contains { $0.isTheSame(as: port) })
        }
    }

    private static func changes(from old: [Firewall.Port], to new: [Firewall.Port]) -> [FieldChange] {
        let before = old.reduce(into: [:]) { $0[$1.name] = $1 }
        let after = new.reduce(into: [:]) { $0[$1.name] = $1 }
        return Set(before.keys).union(after.keys).sorted().compactMap { name in
            let (old, new) = (before[name], after[name])
            let title = "firewall[\((new ?? old)?.title ?? name)]"
            guard let old, let new else {
                return FieldChange(title, old: old?.summary, new: new?.summary)
            }
            if old.isTheSame(as: new) { return nil }
            let (gone, come) = (old.lines(notIn: new), new.lines(notIn: old))
            return gone.isEmpty && come.isEmpty
                ? FieldChange(title, old: old.summary, new: new.summary)
                : FieldChange(title, old: Self.list(gone), new: Self.list(come))
        }
    }

    private static func list(_ lines: [String]) -> String? {
        guard !lines.isEmpty else { return nil }
        return lines.prefix(4).joined(separator: "; ") + (lines.count > 4 ? "; and \(lines.count - 4) more" : "")
    }
}

extension Firewall.Port {
    fileprivate var summary: String { "\(from.count + to.count) rules on \(devices.joined(separator: ", "))" }

    /// Statements that another port does not have, in whatever order their sets are printed.
    fileprivate func lines(notIn other: Self) -> [String] {
        let known = Set((other.from + other.to).map(Self.words))
        return (from + to).filter { !known.contains(Self.words($0)) }
    }

    private static func words(_ line: String) -> [Substring] {
        line.split(whereSeparator: { $0 == " " || $0 == "," }).sorted()
    }

    fileprivate func without(_ links: [String]) -> Self {
        var port = self
        port.devices.removeAll(where: links.contains)
        return port
    }
}

extension VirtualMachine {
    /// What the link of a running interface is called, if not as the definition says.
    func links(of interface: String) -> [String] {
        guard let status, status.state.isActive, let link = status.links[interface] else { return [] }
        return [link]
    }
}
