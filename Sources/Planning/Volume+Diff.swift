import Model

extension HostPlanner {
    /// Volumes: made, grown, marked; gone only when their own mark and the run allow it.
    mutating func planVolumes() {
        var seen = Dictionary(
            observed.volumes.filter { $0.status?.staged != true }.map { ($0.metadata.identity, $0) },
            uniquingKeysWith: { first, _ in first })
        for (id, copy) in copies.unmarked { seen[id]?.status?.mark?.copy = copy }
        refuseSparsifying(seen)
        // What others are copies of comes first: they wait for it.
        let volumes = expectation.inventory.volumes
        for volume in volumes.filter({ $0.spec.source == nil }) + Self.byOrigin(volumes) {
            let present = seen[volume.metadata.identity]
            if isUnitHeld(volume, present) { continue }
            defer { planMapping(of: volume, present) }
            if let arrival = incoming[volume.metadata.identity] {
                planArrival(of: volume, with: arrival, present)
            } else if let present {
                plan(volume, present)
            } else if volume.status?.mark?.part == nil {
                planCreation(of: volume)
            }
        }
    }

    /// Volumes that are not in the manifests.
    mutating func planLeavingVolumes() {
        let wanted = Set(expectation.inventory.volumes.map(\.metadata.identity))
        for volume in observed.volumes where volume.status?.staged != true {
            let id = volume.metadata.identity
            guard !wanted.contains(id) else { continue }
            if volume.isDeleted {
                planExpiry(of: volume)
            } else if let stray = transit.strays[volume.metadata.identity] {
                planStray(volume, stray)
            } else {
                planLeaving(volume)
            }
        }
    }

    /// Volumes that are not in the manifests and stay.
    var retained: [Volume] {
        let wanted = Set(expectation.inventory.volumes.map(\.metadata.identity))
        return observed.volumes.filter {
            $0.status?.staged != true && !wanted.contains($0.metadata.identity)
                && ($0.isDeleted ? !isGoing($0) : $0.status?.mark?.deletion != .delete)
                && transit.strays[$0.metadata.identity] == nil
        }
    }

    /// Volumes that go, and have their space still once the plan is done: deleted now, they stay for a while.
    var goingSlowly: [Volume] {
        let wanted = Set(expectation.inventory.volumes.map(\.metadata.identity))
        return observed.volumes.filter {
            $0.status?.staged != true && $0.status?.mark?.deletion == .delete
                && !wanted.contains($0.metadata.identity) && !$0.isDeleted && staysWhenDeleted($0)
                && transit.strays[$0.metadata.identity] == nil
        }
    }

    /// What is promised once the plan is done: machines that left the manifests and are not removed now still have what
    /// they have, retained volumes still take their space, and none becomes smaller.
    var promises: HostInventory {
        var inventory = expectation.inventory
        let wanted = Set(inventory.machines.map(\.metadata.identity))
        let going = Set(
            steps.filter { $0.resource.kind == .virtualMachine && $0.isRemoval && options.allows($0) }
                .map(\.resource.id))
        inventory.machines += observed.machines.filter {
            let id = $0.metadata.identity
            return !wanted.contains(id) && !going.contains(id) && transit.departing[id] == nil
                && transit.left[id] == nil
        }
        let sizes = observed.volumes.filter { $0.status?.staged != true }.reduce(into: [:]) {
            $0[$1.metadata.identity] = $1.spec.size
        }
        for index in inventory.volumes.indices {
            let volume = inventory.volumes[index]
            inventory.volumes[index].spec.size = max(
                volume.spec.size, sizes[volume.metadata.identity] ?? volume.spec.size)
        }
        inventory.volumes += retained + goingSlowly + taken
        return inventory
    }

    private mutating func planCreation(of volume: Volume) {
        let resource = ResourceID(.volume, volume.metadata.identity)
        let pool = ResourceID(.storagePool, volume.spec.pool)
        let image = volume.spec.image.map { ResourceID(.image, $0) }
        let source = volume.spec.source.map { ResourceID(.volume, $0) }
        if isHeld(resource, area: .storage, needs: [pool] + [image, source].compactMap(\.self)) { return }
        if isPoolUnknown(volume.spec.pool, resource) { return }
        if volume.status?.isUnit == true {
            block(resource, "\(volume.status?.path ?? "") is not there; a logical unit is never made")
            return
        }
        if let other = shared.hostThatSees(volume: volume.metadata.identity) {
            block(
                resource,
                "host \(other) has it and this one does not see it, though \(pool) is said to be shared: mount it here, or say "
                    + "`shared: false`")
            return
        }
        if let path = volume.status?.path, isInTheWay(path, of: resource) || isLost(path, resource) { return }
        if let reason = elsewhere(volume) {
            block(resource, reason)
            return
        }
        if let image = volume.spec.image.flatMap({ expectation.manifestImage($0) }),
            let least = image.spec.virtualSize, least > volume.spec.size
        {
            block(
                resource, "volume-size",
                "\(volume.spec.size) is smaller than its image, which holds a disk of \(least)",
                field: "spec.size", help: "at least \(least)")
            return
        }
        if isBetweenExtents(volume, resource) { return }
        if let snapshot = volume.spec.snapshot {
            guard let source = origin(of: volume, from: snapshot, resource) else { return }
            planCopy(of: source, to: volume, resource, as: ResourceID(.snapshot, snapshot))
            return
        }
        if let deleted = volume.spec.deleted {
            guard let source = deletedOrigin(of: volume, deleted, resource) else { return }
            planCopy(of: source, to: volume, resource)
            return
        }
        if let source = volume.spec.source {
            planCopy(of: source, to: volume, resource)
            return
        }
        let from = volume.spec.image.map { ", from Image/\($0)" } ?? ""
        add(
            resource, .create, .createVolume(volume), reason: "not there\(from)",
            changes: [FieldChange("spec.size", old: nil, new: volume.spec.size.description)],
            after: [id(pool, "create"), id(pool, "start")] + stagedRemoval(of: volume.status?.path)
                + imports(of: expectation.imagePath(of: volume)))
    }

    /// A file that a machine has and that is not there was not deleted by us: perhaps its file system is not mounted. An
    /// empty disk in its place would hide the data, and a guest that starts with it would do so for good.
    mutating func isLost(_ path: String, _ resource: ResourceID) -> Bool {
        let local = observed.machines.first { $0.allPaths.contains(path) }?.metadata.identity
        guard let user = local ?? shared.user(of: path)?.machine else { return false }
        block(
            resource,
            "VirtualMachine/\(user) has \(path) as a disk, and that file is gone; it is never made anew "
                + "under a machine: bring it back, or apply once without that disk")
        return true
    }

    mutating func plan(_ volume: Volume, _ seen: Volume) {
        let resource = ResourceID(.volume, volume.metadata.identity)
        let needs = isUnmade(pool: volume.spec.pool) ? [ResourceID(.storagePool, volume.spec.pool)] : []
        if isHeld(resource, area: .storage, needs: needs) { return }
        if volume.spec.pool != seen.spec.pool || volume.spec.format != seen.spec.format || isRewritten(volume, seen) {
            planPoolMove(of: volume, seen, resource)
            return
        }
        tellLayer(volume, seen, resource)
        if isRefused(volume, seen, resource) { return }
        if let path = seen.status?.path, seen.status?.isUnit == true,
            let reason = shared.obstacle(toUnit: path, for: holders.machine(of: resource.id))
        {
            block(resource, reason)
            return
        }
        if let path = seen.status?.path, let user = shared.user(of: path), user.host != host,
            !expectation.inventory.machines.contains(where: { $0.allPaths.contains(path) })
        {
            block(resource, "VirtualMachine/\(user.machine) on host \(user.host) still has it as a disk")
            return
        }
        if let mark = seen.status?.mark, let wanted = volume.status?.mark {
            if mark.retained, !volume.spec.reuse {
                block(
                    resource,
                    "it was kept when it left the fleet; say `reuse: true` to take it up again with its data")
                return
            }
            var changes: [FieldChange] = []
            if mark.deletion != wanted.deletion {
                changes.append(
                    FieldChange("spec.deletion", old: mark.deletion.rawValue, new: wanted.deletion.rawValue))
            }
            if mark.retained { changes.append(FieldChange("status.retained", old: "true", new: "false")) }
            if mark.unit != wanted.unit {
                changes.append(FieldChange("status.unit", old: mark.unit, new: wanted.unit))
            }
            if let deleted = mark.deleted {
                // Its deletion was cut off before anything was lost.
                changes.append(FieldChange("status.deleted.until", old: deleted.until.description, new: nil))
            }
            if mark.shared != wanted.shared { changes.append(FieldChange("status.shared", old: nil, new: "true")) }
            if let copy = mark.copy {
                changes.append(FieldChange("status.copy", old: copy.rawValue, new: nil))
            }
            if !changes.isEmpty {
                let reason =
                    mark.copy != nil
                    ? mark.copy?.isOfPool == true ? "all of it is here" : "its machine is here"
                    : mark.retained
                        ? "taken up again with the data it kept"
                        : mark.deleted != nil
                            ? "its deletion was cut off, and it is in the manifests again"
                            : "its mark is not as declared"
                add(
                    resource, .update, .markVolume(volume), reason: reason, changes: changes,
                    after: (transit.demotions[volume.metadata.identity] ?? [])
                        + (copies.others[resource.id]?.contains { $0.status?.mark?.copy == nil } == true
                            ? [id(resource, "mark-moved")] : []))
            }
            noteImage(volume, mark, resource)
        }
        if volume.spec.size > seen.spec.size, !isBetweenExtents(volume, resource) {
            if seen.status?.isUnit == true {
                block(
                    resource, "volume-size", "has \(seen.spec.size); a logical unit grows on its target",
                    field: "spec.size", help: "write \(seen.spec.size)")
            } else {
                planGrowth(of: volume, seen, resource)
            }
        }
    }

    /// LVM would round the size up, and the volume would then never be as declared.
    ///
    /// - Parameter help: what mends it; by default a size that fits.
    mutating func isBetweenExtents(_ volume: Volume, _ resource: ResourceID, help: String? = nil) -> Bool {
        let pool = observed.pools.first { $0.metadata.identity == volume.spec.pool }
        guard let extent = pool?.status?.group?.extent, extent.bytes > 0, volume.spec.size.bytes % extent.bytes != 0
        else { return false }
        let next = ByteCount((volume.spec.size.bytes / extent.bytes + 1) * extent.bytes)
        block(
            resource, "extent-size",
            "\(volume.spec.size) is not a multiple of \(extent), the extent of its volume group",
            field: "spec.size", help: help.map { "\($0) \(next)" } ?? "write \(next)")
        return true
    }

    /// Changes that nothing can make: the volume stays as it is, with what needs it.
    mutating func isRefused(_ volume: Volume, _ seen: Volume, _ resource: ResourceID) -> Bool {
        if volume.spec.pool != seen.spec.pool {
            block(
                resource, "volume-move",
                "lies in StoragePool/\(seen.spec.pool); it moves to StoragePool/\(volume.spec.pool) before its machine "
                    + "moves to another host, or after it", field: "spec.pool")
        } else if volume.spec.format != seen.spec.format {
            block(
                resource, "volume-format",
                "is \(seen.spec.format.rawValue); it becomes \(volume.spec.format.rawValue) before its machine moves to "
                    + "another host, or after it", field: "spec.format")
        } else if isShrunk(volume, seen, resource) {
            return true
        } else if let path = seen.status?.path, path != volume.status?.path {
            block(
                resource, "volume-file", "is \(path); a volume keeps its file", field: "spec.file",
                help: seen.spec.file.map { "write file: \($0)" } ?? "leave file out")
        } else {
            return false
        }
        return true
    }

    /// Blocks a volume that would become smaller.
    mutating func isShrunk(_ volume: Volume, _ seen: Volume, _ resource: ResourceID) -> Bool {
        guard volume.spec.size < seen.spec.size else { return false }
        block(
            resource, "volume-shrink", "has \(seen.spec.size); making it smaller would lose data", field: "spec.size",
            help: "at least \(seen.spec.size)")
        return true
    }

    mutating func noteImage(_ volume: Volume, _ mark: Volume.Mark, _ resource: ResourceID) {
        guard let name = volume.spec.image,
            let image = expectation.manifestImage(name)?.spec.sha256, let origin = mark.origin, origin != image
        else { return }
        note(
            "image-changed", "started from another version of Image/\(name) and keeps it", resource,
            help: "new volumes start from the present one")
    }

    private mutating func planGrowth(of volume: Volume, _ seen: Volume, _ resource: ResourceID) {
        if let unit = seen.status?.mark?.unit { return planUnitGrowth(of: volume, seen, unit) }
        let path = seen.status?.path
        for machine in observed.machines where machine.status?.state.isActive == true {
            let running = machine.status?.live ?? machine.spec
            guard let disk = running.disks.first(where: { $0.path == path }) else { continue }
            let user = ResourceID(.virtualMachine, machine.metadata.identity)
            if isHeld(resource, area: .compute, needs: [user]) { return }
            addGrowth(of: volume, from: seen, under: machine, disk: disk.name)
            return
        }
        if let arrival = transit.arriving.values.first(where: { $0.machine.allPaths.contains(path ?? "") }) {
            // In a shared pool, with a machine that comes from another host.
            let disk = arrival.machine.spec.disks.first { $0.path == volume.status?.path }?.name
            let step = id(ResourceID(.virtualMachine, arrival.machine.metadata.identity), arrival.name)
            addGrowth(
                of: volume, from: seen, under: arrival.isLive ? arrival.machine : nil, disk: disk, after: [step])
            return
        }
        if isHeld(resource, area: .compute) { return }
        if let user = observed.machines.first(where: { $0.status?.state == .saved && $0.allPaths.contains(path ?? "") })
        {
            block(resource, "VirtualMachine/\(user.metadata.identity) has it: \(Self.isSaved(user))")
            return
        }
        if let doubt = doubt(aboutUserOf: resource.id, path ?? "") {
            block(resource, doubt)
            return
        }
        if isGrownUnderUser(volume, seen, resource) { return }
        addGrowth(of: volume, from: seen)
    }

    /// A volume grows: under the machine that runs with it as that disk, or while nothing runs with it.
    mutating func addGrowth(
        of volume: Volume, from seen: Volume, under user: VirtualMachine? = nil, disk: String? = nil,
        after: [String] = []
    ) {
        let resource = ResourceID(.volume, volume.metadata.identity)
        let changes = [FieldChange("spec.size", old: seen.spec.size.description, new: volume.spec.size.description)]
        if let user, let disk {
            add(
                resource, .update, .growDisk(volume, machine: user.asTarget, disk: disk), .live,
                reason: "grows under VirtualMachine/\(user.metadata.identity), which runs", changes: changes,
                after: after)
        } else {
            add(resource, .update, .growVolume(volume), reason: "grows", changes: changes, after: after)
        }
    }

    /// A volume that is not in the manifests any more: its own mark says what becomes of it.
    private mutating func planLeaving(_ volume: Volume) {
        let resource = ResourceID(.volume, volume.metadata.identity)
        guard let status = volume.status, var mark = status.mark else { return }
        if mark.deletion == .retain, mark.retained { return }
        if isHeld(resource, area: .storage) { return }
        let unit = mark.unit
        if unit != nil, !units.isWhole {
            block(resource, "not every host said which machines it has, and one may have it as a disk")
            return
        }
        let users = observed.machines.filter { $0.allPaths.contains(status.path) }
        if let reason = reasonToStay(users) {
            block(resource, reason)
            return
        }
        var after = users.flatMap { releases(of: $0.metadata.identity) }
        if let unit { after += units.releases(of: unit) + [id(resource, "unmap")] }
        if mark.deletion == .delete {
            let holders = unit.map { units.users(of: $0).map(\.machine) } ?? []
            if let owner = protected(volume, users + holders) {
                refuse(
                    "protected", "would be deleted, and \(owner) is protected", resource,
                    help: "set protect: false there and apply before")
                return
            }
            if let unit {
                planUnmapping(
                    of: volume, unit, .delete, .dataLoss, reason: "not in the manifests",
                    after: units.releases(of: unit))
            }
            // Its pool may say only now that it is to be wiped, and itself that it counts.
            planDeletion(
                of: volume,
                after: after + removals(of: resource) + [id(resource, "mark")] + marks(ofPool: volume.spec.pool))
            return
        }
        if let unit {
            planUnmapping(of: volume, unit, .delete, reason: "not in the manifests", after: units.releases(of: unit))
        }
        mark.retained = true
        var kept = volume.withoutCounters
        kept.status?.mark = mark
        add(
            resource, .update, .markVolume(kept), reason: "not in the manifests; its data is kept at \(status.path)",
            changes: [FieldChange("status.retained", old: "false", new: "true")],
            after: after
                + (copies.others[resource.id]?.contains { $0.status?.mark?.copy == nil } == true
                    ? [id(resource, "mark-moved")] : []))
    }

    /// The protected machine that uses a volume or that it was declared in.
    private func protected(_ volume: Volume, _ users: [VirtualMachine]) -> ResourceID? {
        // What a snapshot keeps is no disk of the machine that has its name.
        if volume.status?.mark?.part != nil { return nil }
        let owner = volume.metadata.identity.split(separator: ".").first.map { String($0) }
        let declared = observed.machines.filter {
            $0.metadata.identity == owner && volume.metadata.identity != $0.metadata.identity
        }
        return (users + declared).first { $0.status?.protected == true }.map {
            ResourceID(.virtualMachine, $0.metadata.identity)
        }
    }
}

extension Volume {
    /// The volume without what changes by itself, so that an approved plan stays the same plan.
    var withoutCounters: Volume {
        var volume = self
        volume.status?.allocation = nil
        return volume
    }
}
