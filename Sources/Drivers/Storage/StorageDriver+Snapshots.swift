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
            try await convert(source, to: copy)
        }
        for disk in disks { try await requireClosed(disk.source) }
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
}
