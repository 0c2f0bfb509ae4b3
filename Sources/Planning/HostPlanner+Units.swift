import Model

/// What is behind logical units, on the host that makes them.
extension HostPlanner {
    /// Blocks a volume that cannot be behind its unit.
    mutating func isUnitHeld(_ volume: Volume, _ seen: Volume?) -> Bool {
        let resource = ResourceID(.volume, volume.metadata.identity)
        guard units.maker(of: resource.id) == host else { return false }
        // Without a look at what is there it has no number.
        if isHeld(resource, area: .storage) || isPoolUnknown(volume.spec.pool, resource) { return true }
        guard let path = volume.status?.path, let unit = Self.unit(of: volume) else { return false }
        let name = unit.target.target
        guard let target = observed.targets.first(where: { $0.name == name }) else {
            block(
                resource,
                "the target \(name) is not there; make it and say who may log in (`tgtadm --lld iscsi --mode target`)")
            return true
        }
        if let other = target.units.first(where: { $0.number == unit.number })?.path, other != path {
            block(resource, "unit \(unit.number) of \(name) is \(other), which is not this volume's")
        } else if let number = target.units.first(where: { $0.path == path && $0.number != unit.number })?.number {
            block(
                resource,
                "is unit \(number) of \(name) already, and not by us; its own number is \(unit.number)")
        } else if let old = seen.flatMap(Self.unit), old.target.target != name {
            block(resource, "is a unit of \(old.target.target); a unit keeps its target")
        } else if seen == nil, let user = units.users(of: unit.path).first {
            block(
                resource,
                "VirtualMachine/\(user.machine.metadata.identity) has \(unit.path) as a disk, and its file \(path) is gone; it is "
                    + "never made anew under a machine: bring it back, or apply once without that disk")
        }
        return isBlocked(resource)
    }

    /// Has the target serve a volume that it does not, or not any more.
    mutating func planMapping(of volume: Volume, _ seen: Volume?) {
        guard let unit = Self.unit(of: volume) else { return }
        let resource = ResourceID(.volume, volume.metadata.identity)
        let unmapping = id(resource, "unmap")
        let isUnmapped = steps.contains { $0.id == unmapping }
        guard !isBlocked(resource), isUnmapped || !isMapped(volume) else { return }
        let reason = seen == nil ? "not there" : isUnmapped ? "as large as it is then" : "its target does not have it"
        add(
            resource, seen == nil ? .create : .update, .mapUnit(volume), reason: reason,
            changes: [FieldChange("status.unit", old: nil, new: unit.path)],
            after: ["create", "mark", "grow", "unmap"].map { id(resource, $0) })
    }

    /// What is behind a unit grows while nobody has it open: its target would tell nobody.
    mutating func planUnitGrowth(of volume: Volume, _ seen: Volume, _ unit: String) {
        let resource = ResourceID(.volume, volume.metadata.identity)
        guard units.isWhole else {
            let reason = "grows while nobody has it, and not every host said which machines it has"
            // Whom a growth that was cut off has taken it from gets it back as it is.
            return isMapped(seen) ? block(resource, reason) : note("volume-size", reason, resource)
        }
        if let user = units.users(of: unit).first(where: { $0.isActive || $0.machine.status?.state == .saved }) {
            block(
                resource, "volume-size",
                "has \(seen.spec.size); it grows while VirtualMachine/\(user.machine.metadata.identity) is off: its target tells "
                    + "nobody of a new size", field: "spec.size", help: "stop the machine, and apply again")
            return
        }
        planUnmapping(of: seen, unit, .update, reason: "its target reads its size when it gets it")
        addGrowth(of: volume, from: seen, after: [id(resource, "unmap")])
    }

    /// Takes a volume from its target. Who else is logged in there may have it open, and then it stays.
    mutating func planUnmapping(
        of seen: Volume, _ unit: String, _ action: Action, _ disruption: Disruption = .none, reason: String,
        after: [String] = []
    ) {
        guard isMapped(seen) else { return }
        let resource = ResourceID(.volume, seen.metadata.identity)
        add(
            resource, action, .unmapUnit(seen.withoutCounters, bystanders: units.bystanders(of: unit)), disruption,
            reason: reason, changes: [FieldChange("status.unit", old: unit, new: nil)], after: after)
    }

    /// Whether others can use a unit that is made here as it is, whatever cannot be changed of it.
    func serves(_ volume: String) -> Bool {
        let isThere = observed.volumes.contains { $0.metadata.identity == volume && $0.status?.staged != true }
        let wanted = expectation.inventory.volumes.first { $0.metadata.identity == volume }
        return isThere && unknown(.storage, ResourceID(.volume, volume)) == nil && wanted.map(isMapped) == true
    }

    private func isMapped(_ volume: Volume) -> Bool {
        guard let unit = Self.unit(of: volume) else { return false }
        return observed.targets.contains { target in
            target.name == unit.target.target
                && target.units.contains { $0.number == unit.number && $0.path == volume.status?.path }
        }
    }

    private static func unit(of volume: Volume) -> StoragePool.LogicalUnit? {
        volume.status?.mark?.unit.flatMap { StoragePool.LogicalUnit(path: $0) }
    }
}

extension ManagedUnits {
    /// The machines of which it does not matter that they are logged in to a unit's target, by UUID: they do not have the unit, or give
    /// it up and stay.
    func bystanders(of unit: String) -> [String] {
        let staying = Set(manifest.machines.map(\.metadata.identity))
        let users = Set(users(of: unit).map(\.machine.metadata.identity))
        let wanted = Set(
            manifest.machines.filter { $0.volumes.contains { paths[$0] == unit } }.map(\.metadata.identity))
        return observed.values.flatMap(\.machines).filter { machine in
            let id = machine.metadata.identity
            return !wanted.contains(id) && (!users.contains(id) || staying.contains(id))
        }.compactMap { $0.status?.uuid.lowercased }.sorted()
    }

    /// Leaves out what takes units away that machines of other hosts do not give up.
    func withoutUsed(_ steps: [Step], _ planners: [String: HostPlanner]) -> (steps: [Step], blocked: [Blocked]) {
        let planned = Set(steps.map(\.id))
        var blocked: [ResourceID: Blocked] = [:]
        for step in steps where step.isRemoval {
            guard let unit = step.operation.unit else { continue }
            for user in users(of: unit) {
                guard let reason = reasonToStay(user, planned, planners[user.host]) else { continue }
                blocked[step.resource] = Blocked(host: step.host, resource: step.resource, reason: reason)
            }
        }
        guard !blocked.isEmpty else { return (steps, []) }
        return (
            steps.filter { step in blocked[step.resource].map { $0.host != step.host } ?? true },
            blocked.values.sorted { $0.resource < $1.resource }
        )
    }

    private func reasonToStay(_ user: User, _ planned: Set<String>, _ planner: HostPlanner?) -> String? {
        let machine = user.machine.metadata.identity
        if let reason = planner?.reasonToStay([user.machine]) { return reason }
        let releases = planner?.releases(of: machine) ?? []
        return releases.contains(where: planned.contains)
            ? nil : "VirtualMachine/\(machine) on host \(user.host) has it as a disk"
    }

    /// The steps after which those that have a unit have it no more.
    func releases(of unit: String) -> [String] {
        users(of: unit).flatMap { user in
            ["update", "restart", "stop", "undefine", "drop"].map {
                Step.id(
                    host: user.host, resource: ResourceID(.virtualMachine, user.machine.metadata.identity), $0)
            }
        }
    }
}

extension Operation {
    /// The unit of the volume that it takes away, or leaves behind.
    fileprivate var unit: String? {
        switch self {
        case .removeVolume(let volume), .keepDeleted(let volume, _), .markVolume(let volume), .unmapUnit(let volume, _):
            volume.status?.mark?.unit
        default: nil
        }
    }
}
