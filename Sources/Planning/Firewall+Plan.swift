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
        let isFiltered = expectation.filtered.contains(machine.metadata.identity)
        return isFiltered && seen?.status?.state.isActive != true ? [hostResource] : []
    }

    /// Whether it is not known that a machine that is to be started again would have its rules.
    func isUnfiltered(_ machine: VirtualMachine) -> Bool {
        isBlocked(hostResource) && expectation.filtered.contains(machine.metadata.identity)
    }

    /// After machines: rules for what comes before it starts, and those of what went once it is gone.
    mutating func planFirewall() {
        guard !isBlocked(hostResource), !observed.unknown.contains(where: { $0.area == .host }) else { return }
        let seen = observed.firewall
        let index = index()
        let old = seen?.portsByName ?? [:]
        let wanted = expectation.inventory.firewall?.ports ?? []
        var before: [Firewall.Port] = []
        var after: [Firewall.Port] = []
        var waits: Set<String> = []
        for port in wanted {
            guard isFresh(port, index) else {
                if let kept = old[port.name] {
                    before.append(kept)
                    after.append(kept)
                }
                continue
            }
            before.append(port)
            let ends = endings(of: port.machine, index)
            let links = links(of: port, index)
            after.append(ends.isEmpty ? port : port.without(links))
            if !ends.isEmpty, !links.isEmpty { waits.formUnion(ends) }
        }
        let names = Set(wanted.map(\.name))
        for port in seen?.ports ?? [] where !names.contains(port.name) {
            switch fate(of: port, index) {
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

    /// Where to find what the rules of a machine hang on: each of its ports asks.
    private struct Index {
        var observed: [String: Int] = [:]
        var expected: [String: Int] = [:]
        var steps: [ResourceID: [Int]] = [:]
    }

    private func index() -> Index {
        var index = Index()
        // The first of a name counts.
        for (place, machine) in observed.machines.enumerated().reversed() {
            index.observed[machine.metadata.identity] = place
        }
        for (place, machine) in expectation.inventory.machines.enumerated().reversed() {
            index.expected[machine.metadata.identity] = place
        }
        for place in steps.indices where steps[place].resource.kind == .virtualMachine {
            index.steps[steps[place].resource, default: []].append(place)
        }
        return index
    }

    private enum Fate {
        case stays
        case goes(after: [String])
    }

    /// What becomes of rules that the manifests do not want: they stay with a machine that stays as it is.
    private func fate(of port: Firewall.Port, _ index: Index) -> Fate {
        guard isFresh(port, index), !observed.unknown.contains(where: { $0.area == .compute }) else { return .stays }
        guard let machine = index.observed[port.machine].map({ observed.machines[$0] }) else {
            return .goes(after: [])
        }
        let expected = index.expected[port.machine].map { expectation.inventory.machines[$0] }
        let isActive = machine.status?.state.isActive == true
        if let expected, !isActive || expected.spec.interfaces.contains(where: { $0.name == port.interface }) {
            return .goes(after: [])
        }
        let ends = endings(of: port.machine, index)
        return ends.isEmpty ? .stays : .goes(after: ends)
    }

    /// Whether its rules are to be as declared: nothing is done about what is blocked, or not asked for.
    private func isFresh(_ port: Firewall.Port, _ index: Index) -> Bool {
        let machine = ResourceID(.virtualMachine, port.machine)
        guard !isBlocked(machine) else { return false }
        guard !options.targets.isEmpty, !options.targets.contains(machine) else { return true }
        let interfaces = index.expected[port.machine].map { expectation.inventory.machines[$0].spec.interfaces }
        return interfaces?.first { $0.name == port.interface }?.network.map {
            options.targets.contains(ResourceID(.network, $0))
        } ?? false
    }

    /// The steps of this run after which a machine's present links are gone; none when it goes on as it is.
    private func endings(of machine: String, _ index: Index) -> [String] {
        let resource = ResourceID(.virtualMachine, machine)
        if let departure = transit.departing[machine] {
            return departure.disruption <= options.allowance ? [departure.step] : []
        }
        let ends = (index.steps[resource] ?? []).map { steps[$0] }.filter { step in
            switch step.operation {
            case .stopMachine, .restartMachine, .undefineMachine, .dropMachine: return true
            default: return false
            }
        }
        return ends.allSatisfy(options.allows) ? ends.map(\.id) : []
    }

    private func links(of port: Firewall.Port, _ index: Index) -> [String] {
        index.observed[port.machine].map { observed.machines[$0].links(of: port.interface) } ?? []
    }

    /// Whether a running guest's frames are filtered in another way than before.
    private func isNoticed(_ seen: Firewall?, _ first: Firewall) -> Bool {
        let active = Set(
            observed.machines.filter { $0.status?.state.isActive == true }.map(\.metadata.identity))
        guard let seen, seen.isIntact else { return !active.isEmpty }
        let (wanted, there) = (first.portsByName, seen.portsByName)
        return (first.ports + seen.ports).contains { port in
            active.contains(port.machine)
                && !(wanted[port.name]?.isTheSame(as: port) == true && there[port.name]?.isTheSame(as: port) == true)
        }
    }

    private static func changes(from old: [Firewall.Port], to new: [Firewall.Port]) -> [FieldChange] {
        let before = Firewall(ports: old).portsByName
        let after = Firewall(ports: new).portsByName
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

extension Firewall {
    fileprivate var portsByName: [String: Port] { ports.reduce(into: [:]) { $0[$1.name] = $1 } }
}

extension Firewall.Port {
    fileprivate var summary: String { "\(statements.count) rules on \(devices.joined(separator: ", "))" }

    /// Statements that another port does not have, in whatever order their sets are printed.
    fileprivate func lines(notIn other: Self) -> [String] {
        let known = Set(other.statements.map(Self.words))
        return statements.filter { !known.contains(Self.words($0)) }
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
