import Foundation
public import Hosts
public import Model

extension StorageDriver {
    /// Marks the folder of a pool that is there and nobody's.
    ///
    /// - Parameter roots: the folders below which pools may lie, absolute.
    /// - Throws: `.surprise` when it is not there, has another folder, is somebody's, or its folder is not as `createPool`
    ///   wants one.
    public func adoptPool(_ pool: StoragePool, roots: [String]) async throws(HostError) {
        let (id, status) = try expected(pool)
        let records = try await connection.storagePools(deadline: callDeadline)
        guard let record = records.first(where: { $0.uuid == status.uuid }), let folder = record.directory,
            folder == pool.spec.folder
        else { throw .surprise("there is no pool \(status.uuid.lowercased) in \(pool.spec.folder) any more") }
        let mark = try FileMark(PoolMark(fleet: identity.fleet, pool: id, uuid: status.uuid))
        if let seen = try await folderMarks([folder])[folder] {
            if seen == mark { return }
            throw .surprise(
                "the folder \(folder) carries a mark already" + (seen.owner.isEmpty ? "" : ", of \(seen.owner)"))
        }
        try await run(StorageScripts.makeFolder, [folder] + roots)
        try await commands.run(
            "setfattr", ["--restore=-"], input: .bytes(mark.dump(path: folder)), underLock: true)
    }

    /// Takes our mark off the folder of an adopted pool. libvirt keeps the pool, and its files stay.
    public func releasePool(_ pool: StoragePool) async throws(HostError) {
        let (id, _) = try expected(pool)
        guard let record = try await pools()[id], let folder = record.directory, poolID(record) == nil else { return }
        try await run(StorageScripts.releaseFolder, [folder])
    }

    /// Marks a file or a logical volume that is there and nobody's as a volume. Its bytes, its name and its mode stay.
    ///
    /// - Throws: `.surprise` when it is not there, is no plain file, or carries another mark.
    public func adoptVolume(_ volume: Volume) async throws(HostError) {
        if let plan = try logical(volume) { return try await adoptLogical(plan, volume.spec.size) }
        let plan = try await planned(volume)
        switch try await target(plan.path) {
        case .file(nil): break
        case .file(let mark?):
            if mark.volume(plan.id, in: identity) != nil { return }
            throw .surprise("\(plan.path) carries a mark already" + (mark.owner.isEmpty ? "" : ", of \(mark.owner)"))
        case .missing, .other: throw .surprise("\(plan.path) is no plain file any more")
        }
        try await commands.run(
            "setfattr", ["--restore=-"], input: .bytes(try FileMark(plan.mark).dump(path: plan.path)), underLock: true)
    }

    private func adoptLogical(_ plan: Logical, _ size: ByteCount) async throws(HostError) {
        let report = try await report()
        let group = try requireGroup(plan.group, of: plan.pool, report)
        guard plan.mark.file != nil, let there = report.volume(plan.name, in: plan.group), there.size == size.bytes
        else {
            throw .surprise("\(plan.path) is not there any more, or has another size")
        }
        if let mark = LVMTags.mark(there.tags, in: identity), (mark.id, mark.file) == (plan.id, plan.name) { return }
        if let obstacle = there.obstacle(inThinPool: LVMTags.pool(group.tags, in: identity)?.thinPool) {
            throw .surprise("\(plan.path) cannot be adopted: \(obstacle)")
        }
        try await change("lvchange", Self.adding(LVMTags.tags(of: plan.mark)) + ["--", plan.operand])
    }
}
