import Model

/// Snapshots that are to be taken of what is on this host.
extension HostPlanner {
    /// What a snapshot is of now: a machine, and disks with their volumes.
    private struct Subject {
        /// The machine that has the volumes as disks; nil when none has.
        var machine: VirtualMachine?
        var disks: [Source]
        /// The steps that come before; nil when it is there already.
        var after: [String]?
        /// Whether what else is to be done to it comes after.
        var isHeld: Bool
        /// The start that comes after, of a machine that is only made now.
        var start: String?
    }

    /// A volume that a snapshot is of.
    fileprivate struct Source {
        /// The name of the part.
        let part: String
        /// As it is when the snapshot is taken.
        let volume: Volume
        /// The machine's disk that it is.
        let disk: String
    }

    /// Takes the snapshots that are due. What is there is kept as it is before anything is done to it; what is only made now, once
    /// it is.
    mutating func planSnapshots() {
        var waiting: [(Snapshot, Subject)] = []
        for snapshot in expectation.snapshots.declared where expectation.snapshots.isDue(snapshot) {
            guard let subject = subject(of: snapshot) else { continue }
            // What waits for machines may wait for a snapshot that waits for nothing.
            if subject.after == nil { planTaking(snapshot, of: subject) } else { waiting.append((snapshot, subject)) }
        }
        for (snapshot, subject) in waiting where subject.isHeld { planTaking(snapshot, of: subject) }
        for (snapshot, subject) in waiting where subject.start != nil { planTaking(snapshot, of: subject) }
        for (snapshot, subject) in waiting where !subject.isHeld && subject.start == nil {
            planTaking(snapshot, of: subject)
        }
    }

    /// What a snapshot is of; nil when it is of nothing on this host, or it was told why not now.
    private mutating func subject(of snapshot: Snapshot) -> Subject? {
        let resource = ResourceID(.snapshot, snapshot.metadata.identity)
        // One that was never taken is nowhere yet.
        if let reason = options.heldBack[resource], isHere(snapshot) { block(resource, reason) }
        if isBlocked(resource) { return nil }
        if let machine = snapshot.spec.machine {
            return isHere(snapshot) ? subject(machine: machine, snapshot, resource) : nil
        }
        let wanted = expectation.inventory.volumes.first { $0.metadata.identity == snapshot.spec.volume }
        return wanted.flatMap { subject(volume: $0, snapshot, resource) }
    }

    /// A part of a snapshot that is whole and has not got its name yet gets it.
    /// - Returns: whether it is one.
    mutating func planNaming(of volume: Volume) -> Bool {
        guard let mark = expectation.snapshots.mark(ofUnnamed: volume, on: host), let path = volume.status?.path else {
            return false
        }
        let resource = ResourceID(.volume, volume.metadata.identity)
        if isHeld(resource, area: .storage) { return true }
        var named = volume.withoutCounters
        named.status?.staged = false
        named.status?.mark = mark
        if path.hasSuffix(Identity.stagedSuffix) {
            named.status?.path = String(path.dropLast(Identity.stagedSuffix.count))
        }
        add(
            resource, .update, .finishPart(named), reason: "all of it was there when a run was interrupted",
            changes: [FieldChange("status.staged", old: "true", new: "false")])
        return true
    }

    private mutating func planTaking(_ snapshot: Snapshot, of subject: Subject) {
        let resource = ResourceID(.snapshot, snapshot.metadata.identity)
        guard let now = expectation.snapshots.now else { return }
        if let reason = expectation.snapshots.doubt(about: snapshot) { return block(resource, reason) }
        guard !subject.disks.isEmpty else { return block(resource, "there is no disk to keep") }
        let names = subject.disks.map(\.part).sorted()
        var disks: [SnapshotDisk] = []
        for source in subject.disks.sorted(by: { $0.part < $1.part }) {
            let id = snapshot.metadata.identity
            let part = Snapshot.Part(snapshot: id, moment: now, disks: names)
            guard let volume = part.volume(of: source, snapshot, identity, expectation.inventory.pools) else {
                let pool = snapshot.spec.pool ?? source.volume.spec.pool
                return block(resource, "StoragePool/\(pool) is not on this host", field: "spec.pool")
            }
            let pool = ResourceID(.storagePool, volume.spec.pool)
            if isHeld(resource, area: .storage, needs: [pool]) || isPoolUnknown(volume.spec.pool, resource) { return }
            if shared.contains(volume.spec.pool) {
                return block(
                    resource, "StoragePool/\(volume.spec.pool) is shared; no snapshot lies there in this version",
                    field: "spec.pool")
            }
            if let path = volume.status?.path, isInTheWay(path, of: resource) { return }
            if isBetweenExtents(volume, resource, help: "keep it in a directory pool, or let the disk grow to") {
                return
            }
            disks.append(SnapshotDisk(volume: volume, source: source.volume.withoutCounters, disk: source.disk))
        }
        guard hasRoom(for: disks.map(\.volume), resource) else { return }
        let pools = Set(disks.map(\.volume.spec.pool)).sorted().map { ResourceID(.storagePool, $0) }
        // libvirt keeps one moment of a domain at a time.
        let others = disks.compactMap { takings[$0.source.metadata.identity] }
        let step = id(resource, "take")
        add(
            resource, .create, .takeSnapshot(disks, machine: subject.machine?.asTarget),
            reason: reason(snapshot, subject),
            changes: disks.map { disk in
                FieldChange(
                    "disks[\(disk.disk)]", old: nil,
                    new: "\(disk.volume.spec.size) in StoragePool/\(disk.volume.spec.pool)")
            },
            after: pools.flatMap { [id($0, "create"), id($0, "start")] } + Set(others).sorted() + (subject.after ?? []))
        for disk in disks { takings[disk.source.metadata.identity] = step }
        taken += disks.map(\.volume)
        if let start = subject.start, let index = steps.firstIndex(where: { $0.id == start }) {
            steps[index].after.append(step)
        }
        guard subject.isHeld else { return }
        let volumes = disks.map(\.source.metadata.identity)
        let paths = Set(disks.compactMap(\.source.status?.path))
        let users =
            observed.machines.filter { !$0.allPaths.isDisjoint(with: paths) }.map(\.metadata.identity)
            + volumes.compactMap { holders.machine(of: $0) }
        // What is made now is there before.
        let kept = subject.after == nil ? volumes.map { ResourceID(.volume, $0) } : []
        takenBefore.append((step, Set(kept + users.map { ResourceID(.virtualMachine, $0) })))
    }

    private func reason(_ snapshot: Snapshot, _ subject: Subject) -> String {
        let last = expectation.snapshots.last(of: snapshot.metadata.identity)?.moment
        let user = subject.machine.map {
            let state = subject.after != nil ? ", once it is there" : ", which goes on"
            let isOff = subject.after == nil && $0.status?.state.isActive != true
            return ", of VirtualMachine/\($0.metadata.identity)" + (isOff ? ", which is off" : state)
        }
        return (last.map { "due; the last one is of \($0)" } ?? "never taken") + (user ?? "")
    }

    /// The disks of a machine; nil when it was told why not.
    private mutating func subject(
        machine name: String, _ snapshot: Snapshot, _ resource: ResourceID
    ) -> Subject? {
        let owner = ResourceID(.virtualMachine, name)
        if let reason = unknown(.compute, owner) ?? unknown(.storage, resource) {
            block(resource, "\(owner) could not be observed: \(reason)")
            return nil
        }
        if transit.arriving[name] != nil {
            block(resource, "\(owner) moves here from another host now; apply again")
            return nil
        }
        // One by a schedule holds no start.
        let seen = observed.machines.first { $0.metadata.identity == name }
        if let seen, seen.status?.state.isActive == true || snapshot.spec.schedule == nil || !starts(owner) {
            if seen.status?.state == .saved {
                block(resource, "\(owner): \(Self.isSaved(seen))")
                return nil
            }
            return subject(seen, resource)
        }
        // Only once it is there, and by a schedule once it runs if it is to.
        guard let wanted = expectation.inventory.machines.first(where: { $0.metadata.identity == name }) else {
            return nil
        }
        let volumes = wanted.spec.disks.compactMap(\.volume).map { ResourceID(.volume, $0) }
        if isHeld(resource, area: .storage, needs: [owner] + volumes) { return nil }
        let disks = wanted.spec.disks.compactMap { disk in
            expectation.inventory.volumes.first { $0.metadata.identity == disk.volume }.map {
                Source(part: disk.name, volume: $0, disk: disk.name)
            }
        }
        let start = snapshot.spec.schedule == nil ? id(owner, "start") : nil
        var after = steps(of: Set(volumes + [owner]), before: start)
        for disk in disks {
            guard let released = release(of: disk.volume, to: name, resource) else { return nil }
            after += released
        }
        return Subject(machine: wanted, disks: disks, after: after, isHeld: false, start: start)
    }

    /// What is done to resources; before a step, when one is named.
    private func steps(of resources: Set<ResourceID>, before step: String?) -> [String] {
        steps.filter { resources.contains($0.resource) }.filter { own in
            step.map { own.id != $0 && !own.after.contains($0) } ?? true
        }.map(\.id)
    }

    /// The steps after which no other machine runs with a volume; nil when it was told that one goes on with it.
    private mutating func release(of volume: Volume, to owner: String, _ resource: ResourceID) -> [String]? {
        let running = observed.machines.filter { machine in
            machine.status?.state.isActive == true
                && (machine.status?.live ?? machine.spec).disks.contains { $0.volume == volume.metadata.identity }
        }
        if running.isEmpty, let doubt = doubt(aboutUserOf: volume.metadata.identity, volume.status?.path ?? "") {
            block(resource, doubt)
            return nil
        }
        let users = running.filter { $0.metadata.identity != owner }
        var after: [String] = []
        for user in users.map(\.metadata.identity) {
            let released = releases(of: user)
            let known = steps.map(\.id).filter(released.contains)
            guard !known.isEmpty else {
                block(resource, "VirtualMachine/\(user) runs with Volume/\(volume.metadata.identity)")
                return nil
            }
            after += known
        }
        return after
    }

    /// Whether a machine that is off is started now.
    private func starts(_ machine: ResourceID) -> Bool {
        steps.contains { $0.id == id(machine, "start") && options.allows($0) }
    }

    /// The disks that a machine has now, whatever it is to have.
    private mutating func subject(_ seen: VirtualMachine, _ resource: ResourceID) -> Subject? {
        var disks: [Source] = []
        for disk in (seen.status?.live ?? seen.spec).disks {
            guard
                let volume = observed.volumes.first(where: { $0.status?.path == disk.path && $0.status?.staged != true }
                )
            else {
                block(
                    resource,
                    "the disk \(disk.name) of VirtualMachine/\(seen.metadata.identity) is \(disk.path ?? "nowhere"), which "
                        + "is no volume of the fleet")
                return nil
            }
            disks.append(Source(part: disk.name, volume: volume, disk: disk.name))
        }
        var after: [String] = []
        for disk in disks {
            guard let released = release(of: disk.volume, to: seen.metadata.identity, resource) else { return nil }
            after += released
        }
        return Subject(machine: seen, disks: disks, after: after.isEmpty ? nil : after, isHeld: after.isEmpty)
    }

    /// One volume, which a machine may have as a disk.
    private mutating func subject(
        volume wanted: Volume, _ snapshot: Snapshot, _ resource: ResourceID
    ) -> Subject? {
        let id = wanted.metadata.identity
        let name = id.split(separator: ".").last.map { String($0) } ?? id
        if let reason = unknownMachines {
            block(resource, reason)
            return nil
        }
        if let user = holders.machine(of: id), transit.arriving[user] != nil {
            block(resource, "VirtualMachine/\(user) moves here from another host now; apply again")
            return nil
        }
        let seen = observed.volumes.first { $0.metadata.identity == id && $0.status?.staged != true }
        let path = seen?.status?.path ?? ""
        let active = observed.machines.first {
            $0.status?.state.isActive == true && ($0.status?.live ?? $0.spec).disks.contains { $0.path == path }
        }
        let user = holders.machine(of: id).flatMap { user in
            expectation.inventory.machines.first { $0.metadata.identity == user }
        }
        let isMadeNow = user.map { starts(ResourceID(.virtualMachine, $0.metadata.identity)) } ?? false
        guard let seen, active != nil || snapshot.spec.schedule == nil || !isMadeNow else {
            let own = ResourceID(.volume, id)
            let owner = user.map { ResourceID(.virtualMachine, $0.metadata.identity) }
            // By a schedule once its machine runs; else as soon as it is there.
            let waits = isMadeNow && snapshot.spec.schedule != nil
            let needs = [own] + (waits ? [owner].compactMap(\.self) : [])
            if isHeld(resource, area: .storage, needs: needs) { return nil }
            var after = steps.filter { needs.contains($0.resource) }.map(\.id)
            guard waits, let user, let disk = user.spec.disks.first(where: { $0.volume == id })?.name else {
                // Who is to have it as a disk gets it afterwards.
                return Subject(
                    machine: nil, disks: [Source(part: name, volume: wanted, disk: name)], after: after, isHeld: true)
            }
            guard let released = release(of: wanted, to: user.metadata.identity, resource) else { return nil }
            after += released
            return Subject(
                machine: user, disks: [Source(part: name, volume: wanted, disk: disk)], after: after, isHeld: false)
        }
        if let reason = elsewhere(seen) {
            block(resource, "what it is of is not whole: \(reason)")
            return nil
        }
        if let saved = observed.machines.first(where: { $0.status?.state == .saved && $0.allPaths.contains(path) }) {
            block(resource, "VirtualMachine/\(saved.metadata.identity): \(Self.isSaved(saved))")
            return nil
        }
        let holder = active ?? observed.machines.first { $0.spec.disks.contains { $0.path == path } }
        let disk = holder.flatMap { ($0.status?.live ?? $0.spec).disks.first { $0.path == path }?.name }
        return Subject(
            machine: disk == nil ? nil : holder,
            disks: [Source(part: name, volume: seen, disk: disk ?? name)], after: nil, isHeld: true)
    }

    /// Whether pools may promise that much more. A snapshot that does not fit is left out, and the rest goes on.
    private mutating func hasRoom(for volumes: [Volume], _ resource: ResourceID) -> Bool {
        var expected = promises
        expected.volumes += volumes
        let pools = Set(volumes.map(\.spec.pool))
        let short = Capacity.of(expected: expected, observed: observed, before: observed).first {
            $0.resource.kind == .storagePool && pools.contains($0.resource.id) && $0.isExceeded
        }
        guard let short else { return true }
        block(resource, "there is no room: \(short.diagnostic(expectation.inventory.pools).message)")
        return false
    }

    private mutating func block(_ resource: ResourceID, _ reason: String, field: String) {
        block(resource, "snapshot-pool", reason, field: field, help: "name a pool in spec.pool")
    }

    /// The volume that a new one starts from where it is to start from a snapshot; nil when it was told why not.
    mutating func origin(of volume: Volume, from snapshot: String, _ resource: ResourceID) -> String? {
        let origin = ResourceID(.snapshot, snapshot)
        if volume.spec.snapshotMoment == nil, expectation.snapshots.last(of: snapshot) != nil,
            let doubt = expectation.snapshots.doubt(aboutLastOf: snapshot)
        {
            block(resource, "\(origin), which it starts from: \(doubt); name a moment")
            return nil
        }
        guard let generation = expectation.snapshots.origin(snapshot, at: volume.spec.snapshotMoment) else {
            let moment = volume.spec.snapshotMoment.map { " of \($0)" } ?? ""
            let declared = expectation.snapshots.declared.first { $0.metadata.identity == snapshot }
            let doubt = declared.flatMap { expectation.snapshots.doubt(about: $0) }
            block(
                resource,
                "waits for \(origin), which it starts from: nothing\(moment) was taken that is whole"
                    + (doubt.map { "; \($0)" } ?? ""))
            return nil
        }
        guard generation.host == host else {
            block(resource, "\(origin), which it starts from, is on host \(generation.host); name that host")
            return nil
        }
        let own = volume.metadata.identity.split(separator: ".").last.map { String($0) }
        let names = generation.parts.map(\.disk)
        let only = names.count == 1 ? names.first : nil
        guard let disk = volume.spec.snapshotDisk ?? own.flatMap({ names.contains($0) ? $0 : nil }) ?? only,
            let part = generation.parts.first(where: { $0.disk == disk })
        else {
            block(
                resource, "volume-source",
                "\(origin) of \(generation.moment) has the disks \(names.joined(separator: ", "))",
                field: "spec.from", help: "write disk: one of them")
            return nil
        }
        return part.volume.metadata.identity
    }
}

extension Snapshot.Part {
    /// The volume that is to hold a disk; nil when its pool is not on the host.
    fileprivate func volume(
        of source: HostPlanner.Source, _ snapshot: Snapshot, _ identity: Identity, _ pools: [StoragePool]
    ) -> Volume? {
        let id = Self.volume(self.snapshot, moment, disk: source.part)
        let wanted = snapshot.spec.pool ?? source.volume.spec.pool
        guard let pool = pools.first(where: { $0.metadata.identity == wanted }) else { return nil }
        let sharesBlocks = pool.spec.lvm?.thinPool != nil && source.volume.spec.pool == wanted
        // Room is taken in a file only for what is in it.
        let spec = Volume.Spec(
            pool: wanted, size: source.volume.spec.size, clone: sharesBlocks ? .linked : .full,
            format: pool.spec.lvm == nil ? .qcow2 : .raw, deletion: snapshot.spec.deletion)
        let mark = Volume.Mark(
            fleet: identity.fleet, id: id, deletion: snapshot.spec.deletion,
            origin: "\(ResourceID(.volume, source.volume.metadata.identity))", part: self)
        let resource = ResourceID(.volume, id)
        return Volume(
            metadata: Metadata(name: id), spec: spec,
            status: Volume.Status(
                host: source.volume.status?.host ?? "", uuid: identity.uuid(resource),
                path: identity.path(of: id, spec, in: pool.spec), mark: mark))
    }
}

extension Step {
    /// Whether it removes what an earlier run has left of a volume.
    var removesUnfinished: Bool {
        guard resource.kind == .volume, case .removeStaged = operation else { return false }
        return true
    }

    /// Whether it does something to a machine or a volume, or copies it.
    func touches(_ resource: ResourceID) -> Bool {
        if self.resource == resource { return true }
        guard case .cloneVolume(_, let source, _, _) = operation else { return false }
        return resource == ResourceID(.volume, source.metadata.identity)
    }
}
