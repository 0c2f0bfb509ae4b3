import Model

/// The rules of placement as a person would check them: slowly, one after the other.
struct PlacementRules {
    private let fleet: PlacementFleet
    private let hosts: [String: String]
    private let machines: [String: VirtualMachine]

    init(_ fleet: PlacementFleet, _ hosts: [String: String]) {
        self.fleet = fleet
        self.hosts = hosts
        machines = fleet.manifest.machines.reduce(into: [:]) { $0[$1.metadata.identity] = $1 }
    }

    /// The rules that a newly placed machine breaks where it is.
    func broken(by id: String) -> [String] {
        guard let machine = machines[id], let name = hosts[id],
            let host = fleet.manifest.hosts.first(where: { $0.metadata.identity == name }),
            let status = fleet.observed[name]?.host.status
        else { return ["it is nowhere"] }
        var broken: [String] = []
        if host.spec.maintenance { broken.append("maintenance") }
        for (label, value) in machine.spec.placement.hostSelector where host.metadata.labels[label] != value {
            broken.append("label \(label)")
        }
        let accelerator =
            host.spec.accelerator == .auto ? status.accelerator : host.spec.accelerator == .kvm ? .kvm : .tcg
        if machine.spec.accelerator == .kvm, accelerator != .kvm { broken.append("no KVM") }
        if machine.spec.interfaces.contains(where: { $0.network == "wide" }), host.spec.underlay == nil {
            broken.append("no underlay")
        }
        return broken + room(on: host, status) + pools(machine, host) + company(machine, on: name)
    }

    private func there(_ host: String) -> [VirtualMachine] {
        machines.values.filter { hosts[$0.metadata.identity] == host }
    }

    private func room(on host: KVMHost, _ status: KVMHost.Status) -> [String] {
        let name = host.metadata.identity
        let strangers = fleet.observed[name]?.foreign ?? []
        let cpu = there(name).reduce(0) { $0 + $1.spec.cpu.count } + strangers.reduce(0) { $0 + ($1.cpu ?? 0) }
        let memory =
            there(name).reduce(0) { $0 + Double($1.spec.memory.size.bytes) }
            + strangers.reduce(0) { $0 + Double($1.memory?.bytes ?? 0) }
        var broken: [String] = []
        if Double(cpu) > Double(status.cpu - (host.spec.reserve.cpu ?? 0)) * host.spec.overcommit.cpu {
            broken.append("\(cpu) CPU")
        }
        let physical = Double(status.memory.bytes) - Double(host.spec.reserve.memory?.bytes ?? 0)
        if memory > physical * host.spec.overcommit.memory { broken.append("\(memory) bytes of memory") }
        return broken
    }

    private func pools(_ machine: VirtualMachine, _ host: KVMHost) -> [String] {
        machine.spec.disks.compactMap(\.declared?.pool).compactMap { id in
            guard let pool = fleet.manifest.pools.first(where: { $0.metadata.identity == id }) else { return "no pool" }
            if !pool.spec.hosts.isEmpty, !pool.spec.hosts.contains(host.metadata.identity) { return "pool elsewhere" }
            if pool.spec.leases, fleet.observed[host.metadata.identity]?.leases.map({ $0.obstacle == nil }) != true {
                return "no leases"
            }
            guard let capacity = pool.spec.capacity else { return nil }
            let promised = there(host.metadata.identity).flatMap(\.spec.disks).compactMap(\.declared).filter {
                $0.pool == id
            }.reduce(0) { $0 + Double($1.size.bytes) }
            return promised > Double(capacity.bytes) * pool.spec.overcommit ? "\(promised) bytes in \(id)" : nil
        }
    }

    /// Who is beside it, and who is not.
    private func company(_ machine: VirtualMachine, on host: String) -> [String] {
        let id = machine.metadata.identity
        let others = there(host).filter { $0.metadata.identity != id }
        let elsewhere = machines.values.filter {
            $0.metadata.identity != id && hosts[$0.metadata.identity] != nil && hosts[$0.metadata.identity] != host
        }
        func has(_ machine: VirtualMachine, _ labels: LabelSelector) -> Bool {
            labels.allSatisfy { machine.metadata.labels[$0.key] == $0.value }
        }
        var broken: [String] = []
        for term in machine.spec.placement.antiAffinity where others.contains(where: { has($0, term) }) {
            broken.append("beside \(term)")
        }
        for other in others where other.spec.placement.antiAffinity.contains(where: { has(machine, $0) }) {
            broken.append("beside \(other.metadata.name), which keeps away")
        }
        for term in machine.spec.placement.affinity
        where !others.contains(where: { has($0, term) }) && elsewhere.contains(where: { has($0, term) }) {
            broken.append("not beside \(term)")
        }
        if machine.spec.interfaces.contains(where: { $0.network == "narrow" }) {
            let isMember = { (machine: VirtualMachine) in machine.spec.interfaces.contains { $0.network == "narrow" } }
            if !others.contains(where: isMember), elsewhere.contains(where: isMember) {
                broken.append("away from its network")
            }
        }
        return broken
    }
}
