import Model

/// Volumes that are deleted and stay for a while.
extension HostPlanner {
    /// Whether a volume stays for a while when it is deleted. What a run that was cut off has marked stays as it was to; nothing
    /// does where all that leaves is to be wiped.
    func staysWhenDeleted(_ volume: Volume) -> Bool {
        // A copy that does not count is no version of it.
        guard options.keepsDeleted, !isWiped(volume), volume.status?.mark?.copy == nil else { return false }
        return volume.status?.mark?.deleted != nil || expectation.snapshots.deleted.keepFor != nil
    }

    private func isWiped(_ volume: Volume) -> Bool {
        let pools = expectation.inventory.pools + observed.pools
        return pools.first { $0.metadata.identity == volume.spec.pool }?.spec.lvm?.wipe == true
    }

    /// Deletes a volume, which stays under another name where the fleet says so.
    mutating func planDeletion(of volume: Volume, after: [String]) {
        let resource = ResourceID(.volume, volume.metadata.identity)
        let reason = "not in the manifests, and its mark says `deletion: delete`"
        guard staysWhenDeleted(volume) else {
            let isTold = expectation.snapshots.deleted.keepFor != nil
            let why =
                !isTold
                ? ""
                : options.keepsDeleted
                    ? "; StoragePool/\(volume.spec.pool) says `wipe: true`, so nothing of it stays"
                    : "; nothing of it stays, as is asked"
            add(
                resource, .delete, .removeVolume(volume.withoutCounters), .dataLoss, reason: reason + why, after: after)
            return
        }
        let kept = asDeleted(volume)
        add(
            resource, .delete, .keepDeleted(volume.withoutCounters, as: kept), .dataLoss,
            reason: reason + "; it stays for a while" + (kept.map { ", as Volume/\($0.metadata.identity)" } ?? ""),
            changes: kept?.status?.mark?.deleted.map {
                [FieldChange("status.deleted.until", old: nil, new: $0.until.description)]
            } ?? [], after: after)
    }

    /// A volume as it is once it is deleted and stays; nil in a plan that has no time, which nobody does.
    private func asDeleted(_ volume: Volume) -> Volume? {
        let id = volume.metadata.identity
        let keepFor = expectation.snapshots.deleted.keepFor
        let now = options.now.flatMap { now in
            keepFor.map { Volume.Deleted(volume: id, moment: now, until: now.adding(Int64($0))) }
        }
        guard var mark = volume.status?.mark, let deleted = mark.deleted ?? now, let path = volume.status?.path,
            let end = path.lastIndex(of: "/")
        else { return nil }
        mark.deleted = deleted
        var kept = volume.withoutCounters
        let name =
            volume.status?.isLogical == true
            ? identity.logicalVolumeName(deleted.identity)
            : identity.volumeFileName(deleted.identity, volume.spec.format)
        kept.metadata = Metadata(name: deleted.identity)
        kept.spec.file = nil
        kept.status?.uuid = identity.uuid(ResourceID(.volume, deleted.identity))
        kept.status?.path = path[..<end] + "/" + name
        kept.status?.mark = mark.of(deleted.identity)
        return kept
    }

    /// What was deleted goes when its time is over, which needs no other word: that it goes was asked for by `deletion: delete`
    /// and by the run that deleted it, and when, by the fleet. Before, it goes where that is asked.
    mutating func planExpiry(of volume: Volume) {
        let resource = ResourceID(.volume, volume.metadata.identity)
        guard let deleted = volume.status?.mark?.deleted, let path = volume.status?.path else { return }
        let isOver = options.now.map { deleted.until <= $0 } ?? false
        guard isOver || options.purgesDeleted else { return }
        if isHeld(resource, area: .storage) || isPoolUnknown(volume.spec.pool, resource) { return }
        let users = observed.machines.filter { $0.allPaths.contains(path) }
        if let reason = reasonToStay(users) { return block(resource, reason) }
        let layer = observed.volumes.first { $0.status?.backing == path }.map {
            ResourceID(.volume, $0.metadata.identity)
        }
        let user = users.first.map { ResourceID(.virtualMachine, $0.metadata.identity) }
        if let user = expectation.snapshots.deleted.user(of: volume) ?? user ?? layer {
            note("deleted-in-use", "stays beyond its time, \(deleted.until): \(user) names it", resource)
            return
        }
        add(
            resource, .delete,
            isOver ? .expireDeleted(volume.withoutCounters) : .removeVolume(volume.withoutCounters),
            isOver ? .none : .dataLoss,
            reason: "deleted at \(deleted.moment); "
                + (isOver ? "it was to stay until \(deleted.until)" : "it goes before \(deleted.until), as is asked"),
            after: marks(ofPool: volume.spec.pool))
    }

    /// Whether what was deleted goes in this run.
    func isGoing(_ volume: Volume) -> Bool {
        let resource = ResourceID(.volume, volume.metadata.identity)
        return steps.contains { $0.resource == resource && $0.action == .delete && options.allows($0) }
    }

    /// What deleted volumes have of pools that may not promise what is asked of them.
    func roomOfDeleted(_ rows: [Capacity]) -> [Diagnostic] {
        rows.filter { $0.resource.kind == .storagePool && $0.isExceeded }.compactMap { row in
            let volumes = (retained.filter(\.isDeleted) + goingSlowly).filter { $0.spec.pool == row.resource.id }
            guard !volumes.isEmpty else { return nil }
            return Diagnostic(
                .note, code: "deleted-volumes",
                "deleted volumes have \(ByteCount(volumes.reduce(0) { $0 + $1.spec.size.bytes }).rounded) of it",
                help:
                    "`--delete-now` keeps nothing of what is deleted in this run, `--purge-deleted` removes what stays",
                resource: row.resource)
        }
    }

    /// What was deleted that a new volume starts from; nil when it was told why not.
    mutating func deletedOrigin(of volume: Volume, _ name: String, _ resource: ResourceID) -> String? {
        let moment = volume.spec.snapshotMoment
        let found = expectation.snapshots.deleted.origin(name, at: moment)
        let gap = expectation.snapshots.gap
        guard let found, gap == nil || moment != nil else {
            let what = found == nil ? "nothing" : "it is not known what"
            block(
                resource,
                "waits for what it starts from: \(what) stays of Volume/\(name) that was deleted"
                    + (moment.map { " at \($0)" } ?? "") + (gap.map { "; \($0)" } ?? "")
                    + (found == nil ? "" : "; name a moment"))
            return nil
        }
        guard found.hosts.contains(host) else {
            block(
                resource,
                "Volume/\(found.volume.metadata.identity), which it starts from, is on host \(found.hosts[0]); name that host"
            )
            return nil
        }
        return found.volume.metadata.identity
    }
}
