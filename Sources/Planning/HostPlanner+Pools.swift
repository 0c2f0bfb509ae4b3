import Model

/// A volume's way to another pool of its host, to another format, or to a file of its own beside the one it has.
struct PoolMove {
    /// The machine that has it as a disk and keeps it, by identity.
    let machine: String?
    /// Machines that have it as a disk and give it up.
    let leavers: [VirtualMachine]
    /// Where it lies now.
    let from: String
    /// Where it is to lie, and in which format.
    let to: String
    let format: Volume.Format
}

extension HostPlanner {
    /// A volume that lies in another pool of its host than it is to, in another format, or in a file that is to be copied:
    /// room for it there, all of it copied, then the marks, and then the old copy goes. All of it counts where the machine's
    /// domain has its disk.
    mutating func planPoolMove(of volume: Volume, _ seen: Volume, _ resource: ResourceID) {
        guard let old = seen.status?.path, let new = volume.status?.path, let mark = seen.status?.mark else { return }
        let pool = ResourceID(.storagePool, volume.spec.pool)
        if isHeld(resource, area: .storage, needs: [pool]) || isPoolUnknown(volume.spec.pool, resource)
            || isPoolUnknown(seen.spec.pool, resource) || isShrunk(volume, seen, resource)
        {
            return
        }
        if let copy = mark.copy, !copy.isOfPool {
            block(resource, "a move between hosts is finished first; apply again")
            return
        }
        if isUnsettled(resource.id) {
            settle(seen, resource)
            block(resource, "a move that was cut off is finished first; apply again")
            return
        }
        var copy = volume
        copy.spec.size = seen.spec.size
        copy.status?.mark?.copy = .incomingFrom(pool: seen.spec.pool)
        let help = "let it grow before it moves, to"
        if isBetweenExtents(copy, resource, help: help) || isInTheWay(new, of: resource) { return }
        if copies.others[resource.id]?.contains(where: { $0.status?.path == new }) != true, isLost(new, resource) {
            return
        }
        let users = observed.machines.filter { $0.allPaths.contains(old) }
        let user = users.first { keeps($0, resource.id) }
        let leavers = users.filter { $0 != user }
        let isRewritten = isRewritten(volume, seen)
        if let reason = obstacle(to: volume, seen, user) {
            let other = volume.spec.format == seen.spec.format ? "spec.from" : "spec.format"
            let field = volume.spec.pool == seen.spec.pool ? other : "spec.pool"
            block(resource, "volume-move", reason, field: field)
            return
        }
        let isLive = user?.status?.state.isActive == true
        if !isLive, let silent = shared.silentHost(of: seen.spec.pool) {
            block(resource, "moves to another pool, and may be in use on host \(silent), which does not answer")
            return
        }
        let disk = user.flatMap { ($0.status?.live ?? $0.spec).disks.first { $0.path == old }?.name }
        let isThere = planRoom(for: copy, beside: seen, isLive: isLive, users.first)
        let released = leavers.flatMap { releases(of: $0.metadata.identity) }
        if !isThere { reserve(copy, resource, isLive: isLive, after: released) }
        let changes = [
            FieldChange("spec.pool", old: seen.spec.pool, new: volume.spec.pool),
            FieldChange("spec.format", old: seen.spec.format.rawValue, new: volume.spec.format.rawValue),
            FieldChange("status.backing", old: isRewritten ? seen.status?.backing : nil, new: nil),
        ].filter { $0.old != $0.new }
        if isLive, let user, let disk {
            add(
                resource, .update,
                .moveDisk(copy, from: seen.withoutCounters, machine: user.asTarget, disk: disk), .live,
                reason: "copied under VirtualMachine/\(user.metadata.identity), which runs", changes: changes,
                after: [id(resource, "create")] + released)
        } else {
            add(
                resource, .update,
                .copyWithin(copy, from: seen.withoutCounters, machine: user?.asTarget, disk: disk),
                reason: user.map { "copied for VirtualMachine/\($0.metadata.identity), which is off" }
                    ?? "copied; nothing uses it now", changes: changes,
                after: [id(resource, "create")] + released)
        }
        let switched = id(resource, isLive ? "move" : "copy")
        var moved = seen.withoutCounters
        moved.status?.mark?.copy = .movedToPool(volume.spec.pool)
        moved.status?.mark?.retained = false
        add(
            resource, .update, .markVolume(moved),
            reason: isRewritten ? "its copy counts then" : "lies in \(pool) then",
            changes: [FieldChange("status.copy", old: nil, new: moved.status?.mark?.copy?.rawValue)], after: [switched])
        add(
            resource, .update, .markVolume(volume), reason: "all of it is there then",
            changes: [FieldChange("status.copy", old: copy.status?.mark?.copy?.rawValue, new: nil)],
            after: [id(resource, "mark-moved"), switched])
        add(
            resource, .update, .removeReplaced(moved, by: volume, machine: user?.asTarget),
            reason: isRewritten ? "its copy counts then" : "the one in \(pool) counts then",
            after: [id(resource, "mark")] + marks(ofPool: moved.spec.pool))
        if volume.spec.size > seen.spec.size, !isBetweenExtents(volume, resource) {
            addGrowth(
                of: volume, from: seen, under: isLive ? user : nil, disk: disk, after: [id(resource, "mark")])
        }
        poolMoves[resource] = PoolMove(
            machine: user?.metadata.identity, leavers: leavers, from: old, to: new, format: volume.spec.format)
        noteImage(volume, mark, resource)
    }

    /// Whether a machine is to have a volume as a disk.
    private func keeps(_ machine: VirtualMachine, _ volume: String) -> Bool {
        expectation.inventory.machines.contains {
            $0.metadata.identity == machine.metadata.identity && $0.spec.disks.contains { $0.volume == volume }
        }
    }

    /// What keeps a volume from moving; nil when nothing does.
    ///
    /// - Parameter user: the machine that has it as a disk and keeps it.
    private mutating func obstacle(to volume: Volume, _ seen: Volume, _ user: VirtualMachine?) -> String? {
        let place = "lies in StoragePool/\(seen.spec.pool)"
        if let reason = unknownMachines { return "\(place), and \(reason)" }
        if volume.spec.file != nil { return "\(place); a file with a name of its own stays there: leave file out" }
        if seen.status?.mark?.retained == true, !volume.spec.reuse {
            return
                "\(place), where it was kept when it left the fleet; say `reuse: true` to take it up again with its data"
        }
        if [volume.spec.pool, seen.spec.pool].contains(where: shared.contains) {
            return "\(place); what several hosts reach does not move between pools in this version"
        }
        if let reason = elsewhere(seen) { return reason }
        guard let user else { return nil }
        let name = "VirtualMachine/\(user.metadata.identity)"
        if user.status?.state == .saved { return "\(name) has it: \(Self.isSaved(user))" }
        let running = user.status?.live ?? user.spec
        if user.status?.state.isActive == true, !running.disks.contains(where: { $0.path == seen.status?.path }) {
            return "\(name) runs without it and has it as a disk when it is next started; restart it first"
        }
        // The move switches a disk by its name, in both definitions.
        let names = [running, user.spec].compactMap { $0.disks.first { $0.path == seen.status?.path }?.name }
        if let first = names.first, let last = names.last, first != last {
            return "\(name) has it as the disk \(first), and as \(last) when it is next started; restart it first"
        }
        return nil
    }

    /// What of earlier moves is in the way goes. A copy under a running guest goes on where it was cut off.
    /// - Returns: whether there is a file to copy into already.
    private mutating func planRoom(
        for copy: Volume, beside seen: Volume, isLive: Bool, _ user: VirtualMachine?
    ) -> Bool {
        var isThere = false
        for other in copies.others[copy.metadata.identity] ?? [] {
            let fits =
                other.status?.path == copy.status?.path && other.spec.size == copy.spec.size
                && other.status?.mark?.copy == copy.status?.mark?.copy
            if isLive, fits {
                isThere = true
            } else {
                planRemoval(of: other, by: seen, user)
            }
        }
        return isThere
    }

    private mutating func reserve(_ copy: Volume, _ resource: ResourceID, isLive: Bool, after: [String]) {
        let pool = ResourceID(.storagePool, copy.spec.pool)
        add(
            resource, .update, .createVolume(copy), isLive ? .live : .none,
            reason: "room in \(pool)",
            changes: [FieldChange("status.copy", old: nil, new: copy.status?.mark?.copy?.rawValue)],
            after: [id(pool, "create"), id(pool, "start")] + stagedRemoval(of: copy.status?.path)
                + removals(of: resource) + after)
    }

    func removals(of resource: ResourceID) -> [String] {
        (copies.others[resource.id] ?? []).map { other in
            id(resource, Operation.removeReplaced(other, by: other, machine: nil).name)
        }
    }

    /// A machine as it is once its disks have moved under it.
    func afterMoves(_ machine: VirtualMachine) -> VirtualMachine {
        var machine = machine
        for move in poolMoves.values where move.machine == machine.metadata.identity {
            machine.spec.move(from: move.from, to: move.to, move.format)
            machine.status?.live?.move(from: move.from, to: move.to, move.format)
        }
        return machine
    }

    /// The steps after which a volume is as it is to be.
    func steps(before volume: ResourceID) -> [String] {
        ["create", "grow", "mark", "move", "copy"].filter { $0 != "grow" || !growsLater.contains(volume) }.map {
            id(volume, $0)
        }
    }

    /// What a machine waits for of a volume. Nothing is written to it while copies of it are made.
    func needs(ofVolume volume: ResourceID) -> [String] {
        (units.steps(before: volume) ?? steps(before: volume)) + (clones[volume] ?? [])
    }

    /// Takes back what was planned of volumes that other machines do not give up. Machines that wait for one of them give up
    /// theirs no more.
    mutating func holdPoolMoves() {
        while let (resource, reason) = heldMove() {
            steps.removeAll { $0.resource == resource }
            block(resource, reason)
            poolMoves[resource] = nil
            // What was planned of the machine that has it, or is to have it, took the move for granted.
            guard let machine = holders.machine(of: resource.id) else { continue }
            let waiting = ResourceID(.virtualMachine, machine)
            steps.removeAll { $0.resource == waiting }
            block(waiting, "waits for \(resource), which is blocked")
        }
    }

    private func heldMove() -> (volume: ResourceID, reason: String)? {
        for (resource, move) in poolMoves.sorted(by: { $0.key < $1.key }) {
            if let reason = reasonToStay(move.leavers) ?? reasonToHold(move) { return (resource, reason) }
        }
        return nil
    }

    private func reasonToHold(_ move: PoolMove) -> String? {
        for user in move.leavers where !steps.contains(where: { releases(of: user.metadata.identity).contains($0.id) })
        {
            return "VirtualMachine/\(user.metadata.identity) has it as a disk, and does not give it up now"
        }
        return nil
    }
}

extension VirtualMachine.Spec {
    fileprivate mutating func move(from old: String, to new: String, _ format: Volume.Format) {
        for index in disks.indices where disks[index].path == old {
            disks[index].path = new
            disks[index].format = format
        }
    }
}
