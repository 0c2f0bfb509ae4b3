import Foundation
public import Hosts
public import Model

extension StorageDriver {
    /// Copies a volume that nothing uses from another host: through this process, holes kept, under a staged name until
    /// both files have the same digest. It does not count before its mark says so.
    ///
    /// - Parameter report: told how many bytes were copied.
    /// - Throws: `.surprise` when it is here already, is not ours there, changed meanwhile, or a running QEMU has it open.
    public func copyVolume(
        _ volume: Volume, from source: StorageDriver, report: @escaping @Sendable (UInt64) -> Void
    ) async throws(HostError) {
        let plan = try await planned(volume)
        guard plan.mark.copy == .incoming else { throw .surprise("the plan has no copy of Volume/\(plan.id)") }
        guard case .missing = try await target(plan.path) else { throw .surprise("\(plan.path) is there already") }
        try await requireNoOther(plan)
        if let backing = volume.status?.backing, try await target(backing) == .missing {
            throw .surprise("the image \(backing) that Volume/\(plan.id) is a layer over is not stored here")
        }
        try await source.requireUnused(volume)
        let staged = plan.path + Identity.stagedSuffix
        do throws(HostError) {
            try await run(StorageScripts.makeEmpty, [staged])
            try await refreshPool(of: staged)
            try await source.refreshPool(of: plan.path)
            try await source.connection.copyVolume(
                plan.path, to: staged, on: connection, deadline: Self.copyTime(volume.spec.size), report: report)
            let sums = [
                try await source.digest(plan.path, volume.spec.size), try await digest(staged, volume.spec.size),
            ]
            guard sums[0] == sums[1] else {
                throw .surprise("\(plan.path) has the digest \(sums[0]) on host \(source.host), its copy \(sums[1])")
            }
            try await source.requireUnused(volume)
            try await finish(plan.path, staged: staged, mark: try FileMark(plan.mark), mode: 0o600)
        } catch {
            try? await removeUnfinished(staged)
            throw error
        }
    }

    /// Deletes a copy that does not count.
    ///
    /// - Parameter home: where the one is that does.
    /// - Throws: `.surprise` when it counts, when it was left for another that does not, or when a running QEMU has it open.
    public func removeCopy(_ volume: Volume, home: StorageDriver) async throws(HostError) {
        let plan = try await planned(volume)
        if try await target(plan.path) == .missing { return }
        switch try await requireMark(plan).copy {
        case nil: throw .surprise("\(plan.path) is no copy, it counts")
        case .incoming: break
        case .incomingFrom, .movedToPool: throw .surprise("\(plan.path) is a copy of what lies on this host")
        case .movedTo:
            let path = try await home.countingPath(of: plan)
            // What a migration wrote there may be in memory alone.
            _ = try await home.commands.run("sync", ["--", path], deadline: Self.copyDeadline)
        }
        try await requireNoLayer(over: plan.path)
        try await requireUnused(volume)
        try await removeFile(plan.path)
    }

    /// Where the file of a volume is that counts: since it came it may have been copied within its pool.
    private func countingPath(of plan: Planned) async throws(HostError) -> String {
        for path in [plan.path, identity.otherPath(of: plan.path)].compactMap(\.self) {
            guard case .file(let file) = try await target(path), let mark = file?.volume(plan.id, in: identity),
                mark.copy == nil
            else { continue }
            return path
        }
        throw .surprise("\(plan.path) on host \(host) is not there, or does not count")
    }

    /// Throws `.surprise` unless the folders of files are the same here and on another host: what is made in one here is there.
    public func requireShared(_ paths: [String], with other: StorageDriver) async throws(HostError) {
        let folders = Set(paths.map { FileRecord(path: $0, isPlain: true, size: 0, allocation: 0).folder })
        for folder in folders.sorted() {
            // Called as an unfinished seed is, so that one that is left goes with the next run.
            let name = "\(identity.seedFileName(machine: "probe")).\(UUID().lowercased)\(Identity.stagedSuffix)"
            let probe = FileRecord(path: "\(folder)/\(name)", isPlain: true, size: 0, allocation: 0)
            for driver in [self, other] { try await driver.requirePool(of: probe) }
            try await run(StorageScripts.makeEmpty, [probe.path])
            let seen: Result<Target, HostError>
            do throws(HostError) {
                seen = .success(try await other.target(probe.path))
            } catch {
                seen = .failure(error)
            }
            try await removeUnfinished(probe.path)
            guard case .file = try seen.get() else {
                throw .surprise(
                    "\(folder) is not the same folder on hosts \(host) and \(other.host); its pool is not shared")
            }
        }
    }

    /// Throws `.surprise` unless the file was made for what a migration brings.
    public func requireIncoming(_ volume: String, at path: String) async throws(HostError) {
        guard case .file(let file) = try await target(path), file?.volume(volume, in: identity)?.copy == .incoming
        else {
            throw .surprise("\(path) on host \(host) is not there, or was not made for what comes")
        }
    }

    /// Throws `.surprise` unless both hosts have the same bytes at the path: a machine that was started where it comes from
    /// has written what its copy lacks.
    ///
    /// - Parameter size: no less than that of the volume, which says how long it may take.
    public func requireEqual(
        _ path: String, on source: StorageDriver, size: ByteCount
    ) async throws(HostError) {
        let sums = [try await source.digest(path, size), try await digest(path, size)]
        guard sums[0] == sums[1] else {
            throw .surprise(
                "\(path) differs on hosts \(source.host) and \(host): what was written on one would be lost")
        }
    }

    /// Throws `.surprise` when a running QEMU has the volume open; its lock on the file tells.
    func requireUnused(_ volume: Volume) async throws(HostError) {
        guard let path = volume.status?.path else { return }
        do throws(HostError) {
            switch volume.spec.format {
            case .qcow2: _ = try await virtualSize(path, volume.spec.format.rawValue)
            // Who only reads a raw file asks for no lock, so it is opened to be written to.
            case .raw: try await commands.run("qemu-io", ["-f", "raw", "-c", "quit", "--", path])
            }
        } catch .command(_, _, let message) where message.contains("lock") {
            throw .surprise("a running QEMU has \(path) open on host \(host)")
        }
    }

    private func refreshPool(of path: String) async throws(HostError) {
        let folder = FileRecord(path: path, isPlain: true, size: 0, allocation: 0).folder
        for record in try await pools().values where record.folder == folder {
            try await connection.refreshStoragePool(record.uuid, deadline: callDeadline)
        }
    }

    private func digest(_ path: String, _ size: ByteCount) async throws(HostError) -> String {
        let text = try await commands.run("sha256sum", ["--", path], deadline: Self.copyTime(size)).text
        return String(text.prefix { $0 != " " })
    }
}
