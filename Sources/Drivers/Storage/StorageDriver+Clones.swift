import Foundation
public import Hosts
public import Model

extension StorageDriver {
    /// Makes a volume that is a copy of another which nothing uses: a thin snapshot, or all that it holds.
    ///
    /// - Throws: `.surprise` when something has the other one open, before or after; else as `createVolume`.
    public func cloneVolume(
        _ volume: Volume, from source: Volume, pools: [StoragePool]
    ) async throws(HostError) {
        if isSnapshot(volume, of: source) {
            try await snapshot(volume, of: source, pools: pools)
            return try await finishClone(of: source, volume)
        }
        guard let path = source.status?.path else { return }
        try await requireClosed(source)
        try await createVolume(
            volume, pools: pools, isImageRead: true, from: StoredImage(path: path, format: source.spec.format.rawValue)
        ) { () throws(HostError) in try await requireClosed(source) }
    }

    /// Whether a volume that is a copy of another shares its blocks in a thin pool.
    public func isSnapshot(_ volume: Volume, of source: Volume) -> Bool {
        volume.spec.clone == .linked && volume.status?.isLogical == true && source.status?.isLogical == true
            && volume.spec.pool == source.spec.pool
    }

    /// Makes a thin snapshot: what the other volume holds at that moment, as a volume of its own. See lvmthin(7).
    ///
    /// It is not finished yet: a guest that is frozen for it goes on first, and what a run that was cut off in between leaves says
    /// that one may be frozen.
    ///
    /// - Throws: `.surprise` when the other one is not thin, or the pool may not promise that much.
    public func snapshot(
        _ volume: Volume, of source: Volume, pools: [StoragePool]
    ) async throws(HostError) {
        guard let plan = try logical(volume), let origin = try logical(source) else { return }
        let report = try await report()
        if let there = try find(plan, report) {
            guard !there.tags.contains(LVMTags.staged) else { throw .surprise("\(plan.path) is not finished") }
            return try await takeUp(volume, plan, there)
        }
        let seen = try require(origin, report)
        let size = volume.spec.size.bytes
        let group = try requireGroup(plan.group, of: plan.pool, report)
        try group.requireWhole(size)
        guard let pool = pools.first(where: { $0.metadata.identity == plan.pool }), let lvm = pool.spec.lvm,
            let thin = lvm.thinPool, seen.pool == thin.name, origin.group == plan.group, seen.size <= size
        else { throw .surprise("\(origin.path) is not a thin volume of \(plan.group) that fits into \(plan.path)") }
        try await requireRoom(size, nil, pool, lvm, group, report)
        let tags = LVMTags.tags(of: plan.mark) + [LVMTags.staged]
        try await change(
            "lvcreate",
            ["--snapshot", "--setactivationskip", "n"] + Self.adding(tags) + [
                "--name", plan.name, "--", origin.operand,
            ])
    }

    /// Makes the place for a copy of a disk that a guest writes to, of the size of that one, under a name that says that it is
    /// not finished.
    ///
    /// - Returns: where it is; nil when the volume is there already.
    public func beginClone(
        of source: Volume, _ volume: Volume, pools: [StoragePool]
    ) async throws(HostError) -> String? {
        var room = volume
        room.spec.size = source.spec.size
        if let plan = try logical(volume) {
            let report = try await report()
            if let there = try find(plan, report) {
                guard !there.tags.contains(LVMTags.staged) else { throw .surprise("\(plan.path) is not finished") }
                try await takeUp(volume, plan, there)
                return nil
            }
            try await reserve(room, plan, pools: pools, report)
            return plan.path
        }
        let plan = try await planned(volume)
        switch try await target(plan.path) {
        case .missing: try await requireNoOther(plan)
        case .file(let mark):
            guard let mark = mark?.volume(plan.id, in: identity), mark.copy == nil else {
                throw .surprise("\(plan.path) is there and not ours")
            }
            try await takeUp(volume, plan, mark)
            return nil
        case .other: throw .surprise("\(plan.path) is there and not ours")
        }
        let staged = plan.path + Identity.stagedSuffix
        try await removeUnfinished(staged)
        try await fill(staged, room.spec, nil, isLayer: false)
        return staged
    }

    /// Gives what was copied there its size, its mark and its name.
    public func finishClone(of source: Volume, _ volume: Volume) async throws(HostError) {
        let (old, new) = (source.spec.size.bytes, volume.spec.size.bytes)
        if let plan = try logical(volume) {
            guard let there = try await report().volume(plan.name, in: plan.group),
                there.tags.contains(LVMTags.staged)
            else { return }
            return try await finishLogical(plan, from: old, to: new, isThin: !there.pool.isEmpty)
        }
        let plan = try await planned(volume)
        let staged = plan.path + Identity.stagedSuffix
        if old < new {
            try await commands.run(
                "qemu-img", ["resize", "-q", "-f", volume.spec.format.rawValue, "--", staged, String(new)],
                underLock: true)
        }
        try await finish(plan.path, staged: staged, mark: try FileMark(plan.mark), mode: 0o600)
    }

    /// Removes what was begun.
    public func abandonClone(_ volume: Volume) async throws(HostError) {
        if let plan = try logical(volume) { return try await removeStagedLogical(plan.group, plan.name) }
        try await removeUnfinished(try await planned(volume).path + Identity.stagedSuffix)
    }
}
