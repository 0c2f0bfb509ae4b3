import Hosts
import Model

extension StorageDriver {
    /// Makes a logical volume, with its mark in the same command. One that is filled, with an image or with zeros, is marked
    /// as unfinished until it is.
    ///
    /// - Parameters:
    ///   - pools: the declared pools.
    ///   - contents: what it is filled with; its image when nil.
    ///   - check: called once it is filled. When it throws, nothing is made.
    func createLogical(
        _ volume: Volume, _ plan: Logical, pools: [StoragePool], from contents: StoredImage?,
        check: () async throws(HostError) -> Void
    ) async throws(HostError) {
        guard let pool = pools.first(where: { $0.metadata.identity == plan.pool }), let lvm = pool.spec.lvm,
            lvm.volumeGroup == plan.group
        else { throw .surprise("StoragePool/\(plan.pool) is not declared as the volume group \(plan.group)") }
        let report = try await report()
        if let there = try find(plan, report) {
            guard !there.tags.contains(LVMTags.staged) else {
                throw .surprise("\(plan.path) is there and not finished")
            }
            if plan.mark.copy != nil { throw .surprise("\(plan.path) is there already") }
            return try await takeUp(volume, plan, there)
        }
        guard volume.spec.file == nil else {
            throw .surprise("\(plan.path) is not there; a volume with a name of its own is never made")
        }
        // What another pool has is copied over all of it.
        let isRoom = plan.mark.copy != nil
        let image: StoredImage?
        if let contents { image = contents } else { image = isRoom ? nil : try await self.image(of: plan, pool, pools) }
        let size = volume.spec.size.bytes
        let group = try requireGroup(plan.group, of: plan.pool, report)
        try group.requireWhole(size)
        try await requireRoom(size, image, pool, lvm, group, report)
        // Unlike a thin pool, a group gives out its space with what was in it.
        let isFilled = image != nil || lvm.thinPool == nil && !isRoom
        let tags = LVMTags.tags(of: plan.mark) + (isFilled ? [LVMTags.staged] : [])
        do throws(HostError) {
            try await make(plan, size, lvm, tags: tags)
            guard isFilled else { return }
            if lvm.thinPool == nil { try await zero(plan.path, from: 0, to: size) }
            if let image { try await copy(image, to: plan.path, size: size) }
            try await check()
            try await change("lvchange", Self.removing([LVMTags.staged]) + ["--", plan.operand])
        } catch {
            try? await removeStagedLogical(plan.group, plan.name)
            throw error
        }
    }

    /// Makes an unfinished volume that something is copied to by others.
    func reserve(
        _ volume: Volume, _ plan: Logical, pools: [StoragePool], _ report: LVMReport
    ) async throws(HostError) {
        guard let pool = pools.first(where: { $0.metadata.identity == plan.pool }), let lvm = pool.spec.lvm,
            lvm.volumeGroup == plan.group
        else { throw .surprise("StoragePool/\(plan.pool) is not declared as the volume group \(plan.group)") }
        let group = try requireGroup(plan.group, of: plan.pool, report)
        try group.requireWhole(volume.spec.size.bytes)
        try await requireRoom(volume.spec.size.bytes, nil, pool, lvm, group, report)
        // QEMU writes the zeros, too.
        if let thin = lvm.thinPool, let record = report.volume(thin.name, in: plan.group) {
            try record.requireFree(volume.spec.size.bytes)
        }
        try await make(plan, volume.spec.size.bytes, lvm, tags: LVMTags.tags(of: plan.mark) + [LVMTags.staged])
    }

    /// An unfinished volume gets its size, and is finished.
    func finishLogical(
        _ plan: Logical, from old: UInt64, to new: UInt64, isThin: Bool
    ) async throws(HostError) {
        if old < new {
            try await change("lvextend", ["--size", "\(new)b", "--", plan.operand])
            if !isThin { try await zero(plan.path, from: old, to: new) }
        }
        try await change("lvchange", Self.removing([LVMTags.staged]) + ["--", plan.operand])
    }

    private func make(
        _ plan: Logical, _ size: UInt64, _ lvm: StoragePool.LVM, tags: [String]
    ) async throws(HostError) {
        let kind =
            lvm.thinPool.map { ["--type", "thin", "--virtualsize", "\(size)b", "--thinpool", $0.name] }
            ?? ["--type", "linear", "--size", "\(size)b", "--zero", "n"]
        try await change(
            "lvcreate",
            kind + ["--wipesignatures", "n"] + Self.adding(tags) + ["--name", plan.name, "--", plan.group])
    }

    /// A volume of that identity is there: made a moment ago, or kept from an earlier life and out of sight until now.
    func takeUp(
        _ volume: Volume, _ plan: Logical, _ there: LogicalVolumeRecord
    ) async throws(HostError) {
        guard let mark = LVMTags.mark(there.tags, in: identity), mark.retained || mark.origin != plan.mark.origin
        else { return }
        guard volume.spec.reuse else {
            throw .surprise("\(plan.path) was kept when it left the fleet; say `reuse: true` to take it up again")
        }
        var taken = plan.mark
        taken.origin = mark.origin
        try await setMark(plan, taken, there)
    }

    /// Throws `.surprise` unless the pool has room for one more volume and for the image that is copied into it.
    func requireRoom(
        _ size: UInt64, _ image: StoredImage?, _ pool: StoragePool, _ lvm: StoragePool.LVM, _ group: VolumeGroupRecord,
        _ report: LVMReport
    ) async throws(HostError) {
        guard let thin = lvm.thinPool else { return try group.requireFree(size) }
        let name = "the thin pool \(group.name)/\(thin.name)"
        guard let record = report.volume(thin.name, in: group.name), record.isThinPool, record.isActive else {
            throw .surprise("\(name) is not there, or not active")
        }
        guard record.isZeroing else {
            throw .surprise("\(name) does not give out its space as zeros; `lvchange --zero y` mends that")
        }
        try requirePromise(size, pool, thin, record, report)
        if let image { try record.requireFree(try await image.takes(commands)) } else { try record.requireFree(0) }
    }

    /// Throws `.surprise` unless the thin pool may promise that many bytes more.
    func requirePromise(
        _ more: UInt64, _ pool: StoragePool, _ thin: StoragePool.ThinPool, _ record: LogicalVolumeRecord,
        _ report: LVMReport
    ) throws(HostError) {
        let promised = report.volumes(in: record.group).filter { $0.pool == thin.name }.reduce(more) { $0 + $1.size }
        let physical = Double((pool.spec.capacity ?? ByteCount(record.size)).bytes)
        let allowed = UInt64(min((physical * thin.overprovision).rounded(.down), Double(Int64.max)))
        guard promised <= allowed else {
            throw .surprise(
                "the thin pool \(record.group)/\(thin.name) may promise \(ByteCount(allowed)), and that makes "
                    + "\(ByteCount(promised)): \(ByteCount(promised - allowed)) missing")
        }
    }

    /// Rewrites the mark in one command.
    func setMark(_ plan: Logical, _ mark: Volume.Mark, _ there: LogicalVolumeRecord) async throws(HostError) {
        let new = LVMTags.tags(of: mark)
        let old = LVMTags.tags(of: LVMTags.mark(there.tags, in: identity) ?? mark)
        let (gone, come) = (old.filter { !new.contains($0) }, new.filter { !there.tags.contains($0) })
        guard !gone.isEmpty || !come.isEmpty else { return }
        try await change("lvchange", Self.removing(gone) + Self.adding(come) + ["--", plan.operand])
    }

    /// Deletes a logical volume and its data. LVM looks at the tags once more in the same command.
    func removeLogical(_ plan: Logical) async throws(HostError) {
        let report = try await report()
        guard let there = try find(plan, report) else { return }
        guard LVMTags.mark(there.tags, in: identity)?.deletion == .delete else {
            throw .surprise("the mark of \(plan.path) does not say `deletion: delete`")
        }
        if there.isOpen { throw .surprise("\(plan.path) is open; something uses it") }
        try requireNoSnapshot(of: plan, report)
        let tags = LVMTags.tags(
            of: Volume.Mark(fleet: identity.fleet, id: plan.id, deletion: .delete, deleted: plan.mark.deleted))
        try await wipe(there, report, with: tags)
        try await remove(plan.group, plan.name, with: tags)
        if try await self.report().volume(plan.name, in: plan.group) != nil {
            throw .surprise("\(plan.path) is still there; its tags have changed meanwhile")
        }
    }

    /// Deletes a copy that does not count, which LVM looks at once more in the same command.
    func removeLogicalCopy(_ plan: Logical, _ mark: Volume.Mark?) async throws(HostError) {
        guard var copy = mark, copy.copy?.isOfPool == true else {
            throw .surprise("\(plan.path) is no copy, it counts")
        }
        copy.origin = nil
        let report = try await report()
        try requireNoSnapshot(of: plan, report)
        let tags = LVMTags.tags(of: copy)
        if let there = try find(plan, report) { try await wipe(there, report, with: tags) }
        try await remove(plan.group, plan.name, with: tags)
        if try await self.report().volume(plan.name, in: plan.group) != nil {
            throw .surprise("\(plan.path) is still there; its tags have changed meanwhile")
        }
    }

    /// Deletes a part of a snapshot, or what was deleted, which LVM looks at once more in the same command.
    func removeLogicalPart(_ plan: Logical, _ mark: Volume.Mark) async throws(HostError) {
        let report = try await report()
        guard let there = try find(plan, report) else { return }
        guard LVMTags.mark(there.tags, in: identity) == mark else {
            throw .surprise("\(plan.path) is another one meanwhile")
        }
        try requireNoSnapshot(of: plan, report)
        let tags = LVMTags.tags(of: mark)
        try await wipe(there, report, with: tags)
        try await remove(plan.group, plan.name, with: tags)
        if try await self.report().volume(plan.name, in: plan.group) != nil {
            throw .surprise("\(plan.path) is still there; its tags have changed meanwhile")
        }
    }

    /// LVM takes the snapshots along that are no thin ones: they are worth nothing without it.
    func requireNoSnapshot(of plan: Logical, _ report: LVMReport) throws(HostError) {
        if let snapshot = report.volumes(in: plan.group).first(where: { $0.origin == plan.name && $0.pool.isEmpty }) {
            throw .surprise("\(snapshot.path) is a snapshot of \(plan.path)")
        }
    }

    /// Removes what an interrupted run has left.
    func removeStagedLogical(_ group: String, _ name: String) async throws(HostError) {
        let report = try await report()
        guard let there = report.volume(name, in: group) else { return }
        guard LVMTags.mark(of: there, in: identity) != nil, there.tags.contains(LVMTags.staged) else {
            throw .surprise("\(CommandText.printable(there.path)) is not an unfinished volume of ours")
        }
        try await wipe(there, report, with: LVMTags.ours(there.tags))
        try await remove(group, name, with: [LVMTags.staged])
    }

    /// Overwrites a volume with zeros before its space is given back, where its group says so. It is marked as unfinished
    /// before, so that one that is half empty never counts, and goes with the next run.
    ///
    /// - Parameter tags: those of which LVM says that it has them all when it marks it. Without one of them it is another one
    ///   meanwhile, and nothing is written to it.
    private func wipe(
        _ there: LogicalVolumeRecord, _ report: LVMReport, with tags: [String]
    ) async throws(HostError) {
        guard there.pool.isEmpty, report.group(there.group)?.tags.contains(LVMTags.wipe) == true else { return }
        if there.isOpen { throw .surprise("\(there.path) is open; something uses it") }
        let selection = ["--select", Self.selection(tags), "--", "\(there.group)/\(there.name)"]
        let marks = [LVMTags.staged, LVMTags.wiping]
        let come = marks.filter { !there.tags.contains($0) }
        if !come.isEmpty { try await change("lvchange", Self.adding(come) + selection) }
        guard let now = try await self.report().volume(there.name, in: there.group), now.size == there.size,
            (tags + marks).allSatisfy(now.tags.contains), !now.isOpen
        else { throw .surprise("\(there.path) has changed meanwhile, or something uses it") }
        try await zero(there.path, from: 0, to: there.size)
    }

    /// Only one that has all the tags: of another one LVM selects nothing, which is no failure.
    private func remove(_ group: String, _ name: String, with tags: [String]) async throws(HostError) {
        try await change("lvremove", ["--yes", "--select", Self.selection(tags), "--", "\(group)/\(name)"])
    }

    static func selection(_ tags: [String]) -> String {
        "lv_tags={" + tags.map { "\"\($0)\"" }.joined(separator: " && ") + "}"
    }
}

extension LogicalVolumeRecord {
    /// Throws `.surprise` unless a thin pool has more than that many bytes left, and room for its own records.
    func requireFree(_ needed: UInt64) throws(HostError) {
        let title = "the thin pool \(group)/\(name)"
        guard let used = dataPercent, let metadata = metadataPercent else {
            throw .surprise("\(title) does not say how full it is")
        }
        guard metadata < 95 else { throw .surprise("\(title) has \(100 - metadata) % of its metadata space left") }
        let free = UInt64(Double(size) * (100 - min(used, 100)) / 100)
        guard free > needed else {
            throw .surprise(
                "\(title) has \(ByteCount(free)) of its space left: \(ByteCount(needed - free + 1)) missing")
        }
    }
}
