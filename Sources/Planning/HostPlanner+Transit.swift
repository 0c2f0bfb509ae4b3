import Model

extension HostPlanner {
    /// A machine that comes from another host, and what differs of it once it is here.
    mutating func planArrival(
        of machine: VirtualMachine, _ arrival: Transit.Arrival, _ resource: ResourceID
    ) {
        if isObstructed(machine, resource) { return }
        let first = steps.count
        var seen = arrival.machine
        // One that a move has left paused goes on before it moves.
        if seen.status?.state == .paused { seen.status?.state = .running }
        plan(machine, seen, resource)
        let step = id(resource, arrival.name)
        for index in steps.indices.dropFirst(first) where steps[index].resource == resource {
            if case .writeSeed = steps[index].operation {
                steps[index].disruption = arrival.disruption
                steps[index].reason = "not here yet"
                steps[index].changes = []
            } else {
                steps[index].after.append(step)
            }
        }
        var passage = arrival.passage
        passage.copiesLayers = arrival.volumes.contains { id, volume in
            volume.status?.backing != nil
                && expectation.inventory.volumes.first { $0.metadata.identity == id }?.status?.backing == nil
        }
        var after = [id(resource, "seed"), firewallStep, Step.id(host: arrival.from, resource: resource, "start")]
        after += machine.spec.interfaces.compactMap(\.network).flatMap { network in
            ["create-bridge", "update-bridge"].map { id(ResourceID(.network, network), $0) }
        }
        // One that is off needs them only to start.
        if arrival.isLive { after += tunnels(of: machine) }
        after += imports(of: machine.spec.boot?.kernelPath) + imports(of: machine.spec.boot?.initrdPath)
        after += arrival.volumes.keys.sorted().map {
            id(ResourceID(.volume, $0), arrival.isLive ? "create" : "mark")
        }
        add(
            resource, .update,
            arrival.isLive ? .migrateMachine(machine, passage) : .relocateMachine(machine, passage),
            arrival.disruption, reason: reason(arrival, passage),
            changes: [FieldChange("spec.host", old: arrival.from, new: host)], after: after)
    }

    private func reason(_ arrival: Transit.Arrival, _ passage: Passage) -> String {
        let none = passage.shared.isEmpty ? "it has no disk" : "both reach its disks"
        let copied = passage.copied.isEmpty ? none : "\(passage.size.rounded) of disk copied"
        return
            "from host \(arrival.from) to host \(host) (\(arrival.isLive ? "live migration" : "it is off"), \(copied))"
    }

    /// A volume that comes with its machine: room for it before, its mark and its growth after.
    mutating func planArrival(of volume: Volume, with arrival: Transit.Arrival, _ present: Volume?) {
        let id = volume.metadata.identity
        let resource = ResourceID(.volume, id)
        let pool = ResourceID(.storagePool, volume.spec.pool)
        guard let source = arrival.volumes[id] else { return }
        if isHeld(resource, area: .storage, needs: [pool]) || isPoolUnknown(volume.spec.pool, resource) { return }
        if isRefused(volume, source, resource) { return }
        if let path = volume.status?.path, isInTheWay(path, of: resource) { return }
        if let present, present.status?.mark?.copy == nil {
            guard source.status?.mark?.copy == .movedTo(host), present.status?.mark?.retained == false else {
                block(
                    resource, "a volume of that name is here already, kept or in use; move it away or remove it first")
                return
            }
            let first = steps.count
            plan(volume, present)
            // Before its domain is here it must equal what it was copied from.
            for index in steps.indices.dropFirst(first) {
                if case .growVolume = steps[index].operation { steps[index].after.append(move(arrival)) }
            }
            return
        }
        if !arrival.isLive, let below = source.status?.backing, volume.status?.backing == nil {
            block(
                resource, "is a layer over \(below), which the manifests have no more; it moves while its machine runs")
            return
        }
        if let present {
            add(
                resource, .update, .removeCopy(present.withoutCounters, home: arrival.from), arrival.disruption,
                reason: "left by a move that was interrupted")
        }
        var copy = volume
        copy.spec.size = source.spec.size
        copy.status?.mark?.copy = .incoming
        add(
            resource, .update, arrival.isLive ? .createVolume(copy) : .copyVolume(copy, from: arrival.from),
            arrival.disruption,
            reason: arrival.isLive ? "for what comes from host \(arrival.from)" : "comes from host \(arrival.from)",
            changes: [FieldChange("spec.size", old: nil, new: source.spec.size.description)],
            after: [self.id(pool, "create"), self.id(pool, "start"), self.id(resource, "remove-copy")]
                + stagedRemoval(of: volume.status?.path) + imports(of: volume.status?.backing))
        let mark = self.id(resource, "mark")
        add(
            resource, .update, .markVolume(volume), arrival.disruption, reason: "its machine is here then",
            changes: [FieldChange("status.copy", old: Volume.Copy.incoming.rawValue, new: nil)],
            after: (transit.demotions[id] ?? []) + [self.id(resource, arrival.isLive ? "create" : "copy")])
        guard volume.spec.size > source.spec.size else { return }
        let disk = arrival.machine.spec.disks.first { $0.volume == id }?.name
        let isLive = arrival.isLive && disk != nil
        addGrowth(
            of: volume, from: source, under: isLive ? arrival.machine : nil, disk: disk,
            after: isLive ? [mark] : [mark, move(arrival)])
    }

    /// The step after which a machine is here.
    private func move(_ arrival: Transit.Arrival) -> String {
        id(ResourceID(.virtualMachine, arrival.machine.metadata.identity), arrival.name)
    }

    /// A machine that is not to be here.
    mutating func planLeaving(_ machine: VirtualMachine) {
        let id = machine.metadata.identity
        if let departure = transit.departing[id] {
            planDeparture(of: machine, departure)
        } else if let home = transit.left[id] {
            planLeft(machine, home: home)
        } else {
            planRemoval(of: machine)
        }
    }

    /// A machine that goes to another host, which has the step that moves it.
    private mutating func planDeparture(of machine: VirtualMachine, _ departure: Transit.Departure) {
        let resource = ResourceID(.virtualMachine, machine.metadata.identity)
        let volumes = machine.spec.disks.compactMap(\.volume).map { ResourceID(.volume, $0) }
        let held = volumes.filter { isHeld($0, area: .storage) }
        if isHeld(resource, area: .compute, needs: held) { return }
        if machine.status?.state == .paused {
            add(
                resource, .update, .startMachine(machine.asTarget), .live, reason: "is paused, and moves running",
                changes: [FieldChange("spec.power", old: "paused", new: "running")], after: drops(of: resource.id))
        }
        planSeedRemoval(resource, reason: "its machine moves to host \(departure.to)", after: departure.step)
    }

    /// The steps after which nothing of a machine is left on other hosts.
    func drops(of machine: String) -> [String] { transit.drops[machine] ?? [] }

    /// What an interrupted move has left of a machine that is on another host.
    private mutating func planLeft(_ machine: VirtualMachine, home: String) {
        let resource = ResourceID(.virtualMachine, machine.metadata.identity)
        if isHeld(resource, area: .compute) { return }
        let isOfFence = observed.fence?.machines[resource.id] != nil
        add(
            resource, .update, .dropMachine(machine.asTarget, home: home),
            reason: "is on host \(home), and was left here "
                + (isOfFence ? "when this host was fenced" : "by a move that was interrupted"))
        planSeedRemoval(resource, reason: "its machine is on host \(home)", after: id(resource, "drop"))
    }

    private mutating func planSeedRemoval(_ resource: ResourceID, reason: String, after: String) {
        guard let seed = observed.seeds[resource.id] else { return }
        add(resource, .update, .removeSeed(path: seed.path, machine: resource.id), reason: reason, after: [after])
    }

    /// A copy of a volume that does not count, or will not.
    mutating func planStray(_ volume: Volume, _ stray: Transit.Stray) {
        let resource = ResourceID(.volume, volume.metadata.identity)
        guard let status = volume.status, let mark = status.mark else { return }
        if isHeld(resource, area: .storage) { return }
        if copies.others[resource.id] != nil || copies.unmarked[resource.id] != nil {
            block(resource, "a move between pools is finished before its machine moves; apply again")
            return
        }
        let users = observed.machines.filter { $0.allPaths.contains(status.path) }.map(\.metadata.identity)
        if let user = users.first(where: { transit.departing[$0] == nil && transit.left[$0] == nil }) {
            block(resource, "VirtualMachine/\(user) uses it, and the one that counts is on host \(stray.home)")
            return
        }
        if let user = users.first(where: { isBlocked(ResourceID(.virtualMachine, $0)) }) {
            block(resource, "VirtualMachine/\(user) uses it and is blocked")
            return
        }
        var moved = volume.withoutCounters
        if mark.copy == nil {
            moved.status?.mark?.copy = .movedTo(stray.home)
            add(
                resource, .update, .markVolume(moved), reason: "its machine is on host \(stray.home) then",
                changes: [FieldChange("status.copy", old: nil, new: moved.status?.mark?.copy?.rawValue)],
                after: stray.after)
        }
        add(
            resource, .update, .removeCopy(moved, home: stray.home),
            reason: mark.copy == .incoming
                ? "left by a move that was interrupted" : "the copy on host \(stray.home) counts then",
            after: [id(resource, "mark-moved"), Step.id(host: stray.home, resource: resource, "mark")]
                + users.flatMap { releases(of: $0) })
    }
}
