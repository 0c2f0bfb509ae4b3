import Foundation
public import Hosts
public import Model

extension StorageDriver {
    /// Copies a volume that nothing uses to where there is room for it on this host, and compares both. The copy does not
    /// count before its mark says so. What cannot be copied leaves no room taken.
    ///
    /// - Parameters:
    ///   - check: called before anything is copied. When it throws, the room goes.
    ///   - finish: called when both are the same.
    /// - Throws: `.surprise` when one of them is not as planned, both differ afterwards, or a running QEMU has one open.
    public func copyWithin(
        _ copy: Volume, from source: Volume, check: () async throws(HostError) -> Void,
        finish: () async throws(HostError) -> Void
    ) async throws(HostError) {
        try await requireRoom(copy)
        do throws(HostError) {
            try await check()
            try await requireMovable(source)
            try await requireClosed(source)
            try await convert(source, to: copy)
            try await compare(copy, source)
            try await requireClosed(source)
        } catch {
            try? await removeRoom(copy)
            throw error
        }
        // What became of this is not known when it fails: the next run sees which of the two the machine has.
        try await finish()
    }

    func convert(_ source: Volume, to copy: Volume) async throws(HostError) {
        guard let new = copy.status?.path, let old = source.status?.path else { return }
        let formats = (old: source.spec.format.rawValue, new: copy.spec.format.rawValue)
        if copy.status?.isLogical == true {
            try await requireFree(in: copy, try await StoredImage(path: old, format: formats.old).takes(commands))
        }
        // All but a logical volume that is not thin reads as zeros where nothing was written.
        let isZero = try await reads(asZeros: copy) ? ["--target-is-zero"] : []
        try await commands.run(
            "qemu-img",
            ["convert", "-q", "-n"] + isZero + [
                "-t", "writeback", "-f", formats.old, "-O", formats.new, "--", old, new,
            ], deadline: Self.copyTime(copy.spec.size), underLock: true)
    }

    /// Throws `.surprise` when a volume has snapshots inside, which no copy of it would have.
    public func requireMovable(_ volume: Volume) async throws(HostError) {
        guard volume.spec.format == .qcow2, let path = volume.status?.path else { return }
        let count = QCOW2Header.snapshotCount(try await header(path).bytes)
        guard count == 0 else {
            throw .surprise(
                "\(path) has \(count) snapshots inside, which would be lost: `qemu-img snapshot -l` lists them")
        }
    }

    /// Throws `.surprise` unless the thin pool of a logical volume has that many bytes left. One that is not thin has its own.
    public func requireFree(in volume: Volume, _ needed: UInt64) async throws(HostError) {
        guard let plan = try logical(volume) else { return }
        let report = try await report()
        let there = try require(plan, report)
        guard !there.pool.isEmpty, let pool = report.volume(there.pool, in: plan.group) else { return }
        try pool.requireFree(needed)
    }

    /// Throws `.surprise` unless there is room for a copy, made for that and not yet counting.
    public func requireRoom(_ copy: Volume) async throws(HostError) {
        let mark: Volume.Mark?
        let path: String
        if let plan = try logical(copy) {
            mark = LVMTags.mark(try require(plan, try await report()).tags, in: identity)
            path = plan.path
        } else {
            let plan = try await planned(copy)
            mark = try await requireMark(plan)
            path = plan.path
        }
        guard mark?.copy?.isUnfilled == true, mark?.copy == copy.status?.mark?.copy else {
            throw .surprise("\(path) was not made for what is to be copied into it")
        }
    }

    /// Removes the room for a copy again.
    public func removeRoom(_ copy: Volume) async throws(HostError) {
        try await requireRoom(copy)
        try await remove(copy)
    }

    /// Deletes a copy of a volume beside the one that counts on this host.
    ///
    /// - Throws: `.surprise` when it counts, when the other one does not or is not there, or when a running QEMU has it open.
    public func removeReplaced(_ copy: Volume, by counting: Volume) async throws(HostError) {
        guard try await copyMark(of: counting) == .some(nil), let home = counting.status?.path,
            home != copy.status?.path
        else {
            throw .surprise("\(counting.status?.path ?? "the other one") is not there, or does not count")
        }
        guard let mark = try await copyMark(of: copy) else { return }
        guard mark?.isOfPool == true else { throw .surprise("\(copy.status?.path ?? "it") is no copy, it counts") }
        // What was copied there may be in memory alone.
        if mark?.isUnfilled == false {
            _ = try await commands.run("sync", ["--", home], deadline: Self.copyTime(counting.spec.size))
        }
        try await remove(copy)
    }

    private func remove(_ copy: Volume) async throws(HostError) {
        try await requireClosed(copy)
        if let plan = try logical(copy) {
            let there = try require(plan, try await report())
            let mark = LVMTags.mark(there.tags, in: identity)
            try await removeLogicalCopy(plan, mark)
        } else {
            let plan = try await planned(copy)
            try await requireNoLayer(over: plan.path)
            try await removeFile(plan.path)
        }
    }

    /// What copy a volume is by its own mark; nil when it is not there.
    private func copyMark(of volume: Volume) async throws(HostError) -> Volume.Copy?? {
        if let plan = try logical(volume) {
            guard let there = try find(plan, try await report()) else { return nil }
            guard let mark = LVMTags.mark(there.tags, in: identity), !there.tags.contains(LVMTags.staged) else {
                throw .surprise("\(plan.path) is not finished")
            }
            return .some(mark.copy)
        }
        let plan = try await planned(volume)
        if try await target(plan.path) == .missing { return nil }
        return .some(try await requireMark(plan).copy)
    }

    /// Throws `.surprise` when something has the volume open.
    func requireClosed(_ volume: Volume) async throws(HostError) {
        if let plan = try logical(volume) {
            if try require(plan, try await report()).isOpen {
                throw .surprise("\(plan.path) is open; something uses it")
            }
        } else {
            _ = try await requireMark(try await planned(volume))
            try await requireUnused(volume)
        }
    }

    private func reads(asZeros volume: Volume) async throws(HostError) -> Bool {
        guard let plan = try logical(volume) else { return true }
        return try require(plan, try await report()).pool.isEmpty == false
    }

    private func compare(_ copy: Volume, _ source: Volume) async throws(HostError) {
        guard let new = copy.status?.path, let old = source.status?.path else { return }
        do throws(HostError) {
            try await commands.run(
                "qemu-img",
                [
                    "compare", "-q", "-f", source.spec.format.rawValue, "-F", copy.spec.format.rawValue, "--", old, new,
                ], deadline: Self.copyTime(copy.spec.size))
        } catch .command(_, 1, _) {
            throw .surprise("\(new) is not what \(old) is, although it was copied")
        }
    }
}
