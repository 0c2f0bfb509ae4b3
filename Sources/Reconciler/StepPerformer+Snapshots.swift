import Drivers
import Hosts
import Model
import Planning

extension StepPerformer {
    /// Keeps what disks hold at one moment. Whether their machine runs is looked at now: a guest may have ended by itself.
    func take(
        _ planned: [SnapshotDisk], _ machine: VirtualMachine?, time: Duration,
        report: @escaping @Sendable (MoveProgress) -> Void
    ) async throws(HostError) {
        let compute = session.compute
        let now = Moment.now
        let disks = planned.map { disk in
            var disk = disk
            disk.volume.status?.mark?.part?.taken = now
            return disk
        }
        try await session.storage.requireFree(for: disks.map { ($0.volume, $0.source) })
        do throws(HostError) {
            if let machine, try await compute.isActive(machine, deadline: deadline) {
                try await takeOfRunning(machine, disks, time: time, report: report)
            } else {
                try await session.storage.keep(disks.map { ($0.volume, $0.source) }, pools: manifest.pools)
            }
        } catch {
            for disk in disks { try? await session.storage.abandonClone(disk.volume) }
            throw error
        }
        // Nothing is taken back any more: what has its name counts.
        try await name(disks)
    }

    private func takeOfRunning(
        _ machine: VirtualMachine, _ disks: [SnapshotDisk], time: Duration,
        report: @escaping @Sendable (MoveProgress) -> Void
    ) async throws(HostError) {
        let (compute, storage, pools) = (session.compute, session.storage, manifest.pools)
        if let disk = disks.first, disks.count == 1, storage.isSnapshot(disk.volume, of: disk.source) {
            try await compute.whileFrozen(machine, disk: disk.disk, is: disk.source, deadline: deadline) {
                () throws(HostError) in
                try await storage.snapshot(disk.volume, of: disk.source, pools: pools)
            }
        } else {
            var places: [String] = []
            for disk in disks {
                places.append(try await storage.beginPart(disk.volume, of: disk.source, pools: pools))
            }
            try await compute.backUp(
                machine, disks.map { ($0.disk, $0.source, $0.volume) }, to: places,
                bandwidth: manifest.fleet.migration.bandwidth, time: time, deadline: deadline, report: report)
        }
    }

    /// From the first name on, all of it counts: what is cut off here is gone on with by the next run.
    private func name(_ disks: [SnapshotDisk]) async throws(HostError) {
        for disk in disks { try await session.storage.finishPart(disk.volume) }
    }
}
