import Foundation
public import Hosts
public import Model

extension ComputeDriver {
    /// How often a backup is looked at.
    private static let backupInterval = Duration.milliseconds(200)

    /// Whether a machine runs now.
    ///
    /// - Throws: `HostError.surprise` when its memory is saved, so that its disks are no whole.
    public func isActive(_ machine: VirtualMachine, deadline: Duration) async throws(HostError) -> Bool {
        let record = try await ours(machine, deadline: deadline)
        if record.state == .saved { throw .surprise("the memory of domain \(record.name) is saved") }
        return record.state.isActive
    }

    /// Whether a machine neither runs nor has its memory saved.
    public func isOff(_ machine: VirtualMachine, deadline: Duration) async throws(HostError) -> Bool {
        let state = try await ours(machine, deadline: deadline).state
        return !state.isActive && state != .saved
    }

    /// Writes what disks of a running machine hold at one moment to places of their sizes, which are nobody's; the guest goes on.
    /// Where there is an agent in the guest, its file systems are frozen for that moment.
    ///
    /// - Parameters:
    ///   - disks: the machine's disks by name, with the volumes that they are, and those that the places are for.
    ///   - places: the paths, in the same order.
    ///   - time: how long it may take. After it, and when the task is cancelled, it is given up.
    /// - Throws: `HostError.surprise` when the machine has other disks there, or not all was written. Nothing is written to the
    ///   places then any more.
    public func backUp(
        _ machine: VirtualMachine, _ disks: [(name: String, source: Volume, volume: Volume)], to places: [String],
        bandwidth: BitRate?, time: Duration, deadline: Duration, report: @escaping @Sendable (MoveProgress) -> Void
    ) async throws(HostError) {
        var targets: [BackupDisk] = []
        var uuid: UUID?
        for (disk, place) in zip(disks, places) {
            let now = try await live(machine, disk.name, deadline: deadline)
            guard now.path == disk.source.status?.path else {
                throw .surprise("the disk \(disk.name) of domain \(now.domain) is \(now.path) now")
            }
            if let mirror = now.mirror {
                throw .surprise("libvirt copies the disk \(disk.name) of domain \(now.domain) to \(mirror)")
            }
            uuid = now.uuid
            targets.append(
                BackupDisk(
                    disk: now.target, path: place, isDevice: disk.volume.status?.isLogical == true,
                    format: disk.volume.spec.format))
        }
        guard let uuid else { return }
        do throws(HostError) {
            try await whileFrozen(uuid) { () throws(HostError) in
                try await connection.startBackup(uuid, targets, deadline: deadline)
            }
            try await finish(
                uuid, targets, bandwidth: bandwidth, time: time, deadline: deadline, report: report)
        } catch {
            try? await giveUpBackup(uuid, to: Set(places))
            throw error
        }
    }

    private func finish(
        _ uuid: UUID, _ targets: [BackupDisk], bandwidth: BitRate?, time: Duration, deadline: Duration,
        report: @escaping @Sendable (MoveProgress) -> Void
    ) async throws(HostError) {
        if let bandwidth {
            // One that is written already has no speed.
            for target in targets {
                try? await connection.limitBackup(uuid, disk: target.disk, to: bandwidth, deadline: deadline)
            }
        }
        let end = ContinuousClock.now + time
        while try await !connection.backupPlaces(uuid, deadline: deadline).isEmpty {
            if let progress = try? await connection.backupProgress(uuid, deadline: deadline) {
                report(MoveProgress(done: progress.done, total: max(progress.done, progress.total)))
            }
            guard ContinuousClock.now < end, (try? await Task.sleep(for: Self.backupInterval)) != nil else {
                throw .surprise("the disks were not written in time; it was given up")
            }
        }
        switch try await connection.backupResult(uuid, deadline: deadline) {
        case .completed: return
        case .failed(let reason): throw .surprise("libvirt did not write all of the disks: \(reason)")
        }
    }

    /// Ends a backup that is written to one of these places, if there is one, even where the task that began it is cancelled.
    /// Nothing is written to them any more then.
    func giveUpBackup(_ uuid: UUID, to places: Set<String>) async throws(HostError) {
        let work = Task { () -> Result<Void, HostError> in
            do throws(HostError) {
                let end = ContinuousClock.now + .seconds(60)
                var isAsked = false
                while try await !connection.backupPlaces(uuid, deadline: .seconds(20)).isDisjoint(with: places) {
                    if !isAsked { try? await connection.abortDomainJob(uuid, deadline: .seconds(20)) }
                    isAsked = true
                    guard ContinuousClock.now < end else { throw .deadline(call: "virDomainAbortJob") }
                    try? await Task.sleep(for: Self.backupInterval)
                }
                return .success(())
            } catch {
                return .failure(error)
            }
        }
        try await work.value.get()
    }
}
