import Foundation
public import Hosts
public import Model

extension StorageDriver {
    /// Copies volumes that nothing uses into unfinished ones: all of them, or none counts.
    ///
    /// - Throws: `.surprise` when something has one of them open, before or after.
    public func keep(
        _ disks: [(volume: Volume, source: Volume)], pools: [StoragePool]
    ) async throws(HostError) {
        for disk in disks { try await requireClosed(disk.source) }
        for (volume, source) in disks {
            if isSnapshot(volume, of: source) {
                try await snapshot(volume, of: source, pools: pools)
                continue
            }
            var copy = volume
            copy.status?.path = try await beginPart(volume, of: source, pools: pools)
            if copy.status?.isLogical == true {
                try await fill(copy, with: source)
            } else {
                try await convert(source, to: copy)
            }
        }
        for disk in disks { try await requireClosed(disk.source) }
    }

    /// Copies a volume into an unfinished logical volume, which holds what its last owner left unless it is thin.
    private func fill(_ copy: Volume, with source: Volume) async throws(HostError) {
        guard let plan = try logical(copy), let path = source.status?.path,
            let there = try find(plan, try await report())
        else { return }
        if there.pool.isEmpty { try await zero(plan.path, from: 0, to: there.size) }
        try await self.copy(
            StoredImage(path: path, format: source.spec.format.rawValue), to: plan.path, size: there.size)
    }

    /// Makes the place for a part of a snapshot, under a name that says that it is not finished.
    ///
    /// - Throws: `.surprise` when that part is there.
    public func beginPart(
        _ volume: Volume, of source: Volume, pools: [StoragePool]
    ) async throws(HostError) -> String {
        guard let place = try await beginClone(of: source, volume, pools: pools) else {
            throw .surprise("\(volume.status?.path ?? "it") is there already")
        }
        return place
    }

    /// Gives a part of a snapshot its name and its mark. Called only once all parts are whole: that one of them has its name says so
    /// of the others.
    public func finishPart(_ volume: Volume) async throws(HostError) {
        if let plan = try logical(volume) {
            guard let there = try find(plan, try await report()), there.tags.contains(LVMTags.staged) else { return }
            // It was to go, and a part of it may be zeros.
            guard !there.tags.contains(LVMTags.wiping) else {
                throw .surprise("\(plan.path) was being wiped; remove the other parts of its snapshot, too")
            }
            return try await finishLogical(plan, from: there.size, to: there.size, isThin: !there.pool.isEmpty)
        }
        let plan = try await planned(volume)
        switch try await target(plan.path) {
        case .missing:
            // Nobody writes to it any more.
            try await finish(
                plan.path, staged: plan.path + Identity.stagedSuffix, mark: try FileMark(plan.mark), mode: 0o400)
        case .file(let mark):
            guard mark?.volume(plan.id, in: identity)?.part == plan.mark.part else {
                throw .surprise("\(plan.path) is there and not that part")
            }
        case .other: throw .surprise("\(plan.path) is there and not ours")
        }
    }

    /// Deletes a part of a snapshot beyond those that it keeps.
    ///
    /// - Parameter kept: parts of one that it keeps, which have to be there and finished.
    /// - Throws: `.surprise` when one of these is not, when its own mark is of another snapshot or time, or something has it open.
    public func rotatePart(_ volume: Volume, keeping kept: [Volume]) async throws(HostError) {
        guard let part = volume.status?.mark?.part else { return }
        for other in kept {
            guard let mark = try await mark(of: other)?.part, mark.snapshot == part.snapshot, mark.moment > part.moment
            else { throw .surprise("\(other.status?.path ?? "what is kept") is not there, or is no newer part") }
        }
        guard let mark = try await mark(of: volume) else { return }
        guard mark.part?.snapshot == part.snapshot, mark.part?.moment == part.moment else {
            throw .surprise("\(volume.status?.path ?? "it") is no part of Snapshot/\(part.snapshot) of \(part.moment)")
        }
        try await requireClosed(volume)
        if let plan = try logical(volume) { return try await removeLogicalPart(plan, mark) }
        let plan = try await planned(volume)
        try await requireNoLayer(over: plan.path)
        try await removeFile(plan.path)
    }

    /// What a volume says of itself now; nil when it is not there.
    func mark(of volume: Volume) async throws(HostError) -> Volume.Mark? {
        if let plan = try logical(volume) {
            guard let there = try find(plan, try await report()) else { return nil }
            guard !there.tags.contains(LVMTags.staged) else { throw .surprise("\(plan.path) is not finished") }
            return LVMTags.mark(there.tags, in: identity)
        }
        let plan = try await planned(volume)
        if try await target(plan.path) == .missing { return nil }
        return try await requireMark(plan)
    }
}
