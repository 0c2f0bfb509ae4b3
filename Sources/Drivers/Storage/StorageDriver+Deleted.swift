import Foundation
public import Hosts
public import Model

/// By how much the clocks of a host and of its controller may differ, in seconds.
private let clockTolerance: Int64 = 300

extension StorageDriver {
    /// Gives a volume that is deleted the name under which it stays. Its mark says so first: a run that ends between the two leaves
    /// the volume as it was, and the next one goes on with the same name.
    ///
    /// - Throws: `.surprise` when it is not there, when its own mark does not say `deletion: delete`, when something is at that name,
    ///   or when a running QEMU has it open.
    public func keepDeleted(_ volume: Volume, as kept: Volume) async throws(HostError) {
        guard let deleted = kept.status?.mark?.deleted, deleted.volume == volume.metadata.identity else {
            throw .surprise("the plan does not say until when Volume/\(volume.metadata.identity) stays")
        }
        if let plan = try logical(volume) {
            guard let end = try logical(kept) else { throw .surprise("\(plan.path) stays a logical volume") }
            return try await keepLogical(plan, as: end, deleted)
        }
        let (plan, end) = (try await planned(volume), try await planned(kept))
        var mark = try await requireMark(plan)
        guard mark.deletion == .delete else {
            throw .surprise("the mark of \(plan.path) does not say `deletion: delete`")
        }
        try await requireUnmapped(mark, plan.path)
        try await requireLetGo(volume, at: plan.path)
        guard try await target(end.path) == .missing else { throw .surprise("\(end.path) is there already") }
        mark.deleted = deleted
        try await commands.run(
            "setfattr", ["--restore=-"], input: .bytes(try FileMark(mark).dump(path: plan.path)), underLock: true)
        try await run(StorageScripts.rename, [plan.path, end.path])
    }

    private func keepLogical(
        _ plan: Logical, as end: Logical, _ deleted: Volume.Deleted
    ) async throws(HostError) {
        let report = try await report()
        let there = try require(plan, report)
        guard var mark = LVMTags.mark(there.tags, in: identity), mark.deletion == .delete else {
            throw .surprise("the mark of \(plan.path) does not say `deletion: delete`")
        }
        if there.isOpen { throw .surprise("\(plan.path) is open; something uses it") }
        guard report.volume(end.name, in: end.group) == nil else { throw .surprise("\(end.path) is there already") }
        try requireNoSnapshot(of: plan, report)
        let old = LVMTags.tags(of: mark)
        mark.deleted = deleted
        let tags = LVMTags.tags(of: mark)
        let come = tags.filter { !there.tags.contains($0) }
        // Only one that has all its tags: of another one LVM selects nothing, which is no failure.
        if !come.isEmpty {
            try await change(
                "lvchange", Self.adding(come) + ["--select", Self.selection(old), "--", plan.operand])
        }
        guard tags.allSatisfy(try require(plan, try await self.report()).tags.contains) else {
            throw .surprise("\(plan.path) is another one meanwhile")
        }
        try await change("lvrename", ["--", plan.group, plan.name, end.name])
    }

    /// Removes what was deleted and stayed until now.
    ///
    /// - Throws: `.surprise` when by the host's own clock its time is not over, when its own mark says something else than the plan,
    ///   or when something uses it.
    public func expireDeleted(_ volume: Volume) async throws(HostError) {
        guard let deleted = volume.status?.mark?.deleted else { return }
        // A controller's clock that is wrong takes nothing away.
        let clock = try await commands.run("date", ["+%s"]).text
        guard let now = Int64(clock.prefix { $0.isNumber }), now + clockTolerance >= deleted.until.seconds else {
            throw .surprise(
                "\(volume.status?.path ?? "it") stays until \(deleted.until), by the clock of host \(host) as well")
        }
        guard let mark = try await mark(of: volume) else { return }
        guard mark.deleted == deleted, mark.deletion == .delete else {
            throw .surprise(
                "\(volume.status?.path ?? "it") does not say any more that it was deleted to stay until then")
        }
        if let plan = try logical(volume) {
            if try require(plan, try await report()).isOpen {
                throw .surprise("\(plan.path) is open; something uses it")
            }
            return try await removeLogicalPart(plan, mark)
        }
        let plan = try await planned(volume)
        try await requireLetGo(volume, at: plan.path)
        try await removeFile(plan.path)
    }
}
