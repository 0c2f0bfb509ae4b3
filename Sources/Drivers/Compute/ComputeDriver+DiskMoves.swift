import Foundation
public import Hosts
public import Model

extension ComputeDriver {
    /// How long to wait before a copy is looked at again, by how far it has come: half of what it takes from there at the rate
    /// so far. So one that is ready is not kept waiting, and a long one is not asked all the time.
    static func pause(_ progress: BlockCopyProgress?, after elapsed: Duration) -> Duration {
        guard let progress, progress.done > 0, progress.total > progress.done else { return .milliseconds(50) }
        let left = elapsed * (Double(progress.total - progress.done) / Double(progress.done))
        return min(max(left / 2, .milliseconds(50)), .milliseconds(300))
    }

    /// A disk of a running domain as it is now.
    struct LiveDisk {
        let uuid: UUID
        let domain: String
        /// Its `<target dev>`.
        let target: String
        /// What it is read from.
        let path: String
        /// What libvirt copies it to.
        let mirror: String?
        /// Whether all of it is copied.
        let isReady: Bool
    }

    /// Copies a disk under a running machine to another place, and lets the guest go on with the copy. A copy to that place
    /// that is under way already, begun by a run that was cut off, is gone on with.
    ///
    /// - Parameters:
    ///   - copy: where to; a file or logical volume of the disk's size is there.
    ///   - bandwidth: how fast; as fast as it goes when nil.
    ///   - time: how long it may take. After it, and when the task is cancelled, the copying is given up.
    ///   - report: told how far it has come.
    /// - Throws: `HostError.surprise` when the machine does not run, has another disk there, or the copying ended before all
    ///   was copied.
    public func moveDisk(
        _ machine: VirtualMachine, disk: String, from old: Volume, to copy: Volume, bandwidth: BitRate?, time: Duration,
        deadline: Duration, report: @escaping @Sendable (MoveProgress) -> Void
    ) async throws(HostError) {
        guard let new = copy.status?.path, let path = old.status?.path else { return }
        let target = CopyTarget(path: new, isDevice: copy.status?.isLogical == true, format: copy.spec.format)
        var now = try await live(machine, disk, deadline: deadline)
        if now.path == new { return }
        do throws(HostError) {
            now = try await self.copy(
                now, machine, disk, from: path, to: target, bandwidth: bandwidth, time: time, deadline: deadline,
                report: report)
            try await connection.endBlockCopy(now.uuid, disk: now.target, usesCopy: true, deadline: deadline)
        } catch {
            try? await giveUp(machine, disk, to: new)
            throw error
        }
        now = try await live(machine, disk, deadline: deadline)
        guard now.path == new, now.mirror == nil else {
            throw .surprise("the disk \(disk) of domain \(now.domain) is \(now.path) still")
        }
    }

    /// Lets a machine that is off have a disk in another place, which holds the same.
    ///
    /// - Throws: `HostError.surprise` when it runs or is saved, or has another disk there.
    public func switchDisk(
        _ machine: VirtualMachine, disk: String, from old: Volume, to copy: Volume, deadline: Duration
    ) async throws(HostError) {
        let target = try target(machine)
        guard let record = try await connection.domain(target.uuid, deadline: deadline) else {
            throw .surprise("VirtualMachine/\(target.id) has no domain")
        }
        guard !record.state.isActive, record.state != .saved else {
            throw .surprise("domain \(record.name) was started meanwhile")
        }
        let alias = DeviceAlias.disk(disk)
        let (path, place) = (old.status?.path, copy.status?.path)
        try await connection.editDomain(target.uuid, isOff: true, deadline: deadline) {
            (definition) throws(HostError) in
            try target.check(definition)
            var named = DeviceNaming(definition).applied(to: definition)
            var isSwitched = false
            named.edit("devices") { devices in
                isSwitched = devices.editFirst(where: {
                    $0.name == "disk" && $0.alias == alias && DomainReading.source(of: $0) == path
                }) { DomainPatch.setSource(&$0, place, copy) }
            }
            guard isSwitched else { throw .surprise("domain \(record.name) has no disk \(disk) at \(path ?? "")") }
            definition = named
        }
        // Started in the moment before, it runs with the old one, and is to go on with that.
        guard try await connection.domainState(target.uuid, deadline: deadline).isActive else { return }
        try await connection.editDomain(target.uuid, deadline: deadline) { (definition) throws(HostError) in
            definition.edit("devices") { devices in
                devices.editFirst(where: {
                    $0.name == "disk" && $0.alias == alias && DomainReading.source(of: $0) == place
                }) { DomainPatch.setSource(&$0, path, old) }
            }
        }
        throw .surprise("domain \(record.name) was started meanwhile")
    }

    /// Throws `HostError.surprise` when a machine has snapshots, which no copy of its disks would have.
    public func requireNoSnapshots(_ machine: VirtualMachine, deadline: Duration) async throws(HostError) {
        let record = try await ours(machine, deadline: deadline)
        guard try await connection.domainSnapshotCount(record.uuid, deadline: deadline) == 0 else {
            throw .surprise("domain \(record.name) has snapshots, which would be lost")
        }
    }

    /// Copies a disk under a running machine to another place, which has what the disk holds at the end. Where there is an agent
    /// in the guest, its file systems are frozen for that moment.
    ///
    /// - Parameters:
    ///   - place: a file or block device of the disk's size, which is nobody's.
    ///   - time: how long it may take. After it, and when the task is cancelled, the copying is given up.
    public func copyDisk(
        _ machine: VirtualMachine, disk: String, of source: Volume, to place: String, as volume: Volume,
        bandwidth: BitRate?, time: Duration, deadline: Duration, report: @escaping @Sendable (MoveProgress) -> Void
    ) async throws(HostError) {
        guard let path = source.status?.path else { return }
        let target = CopyTarget(path: place, isDevice: volume.status?.isLogical == true, format: volume.spec.format)
        let now = try await live(machine, disk, deadline: deadline)
        do throws(HostError) {
            let ready = try await copy(
                now, machine, disk, from: path, to: target, bandwidth: bandwidth, time: time, deadline: deadline,
                report: report)
            try await whileFrozen(ready.uuid) { () throws(HostError) in
                try await connection.endBlockCopy(ready.uuid, disk: ready.target, usesCopy: false, deadline: deadline)
            }
        } catch {
            try? await giveUp(machine, disk, to: place)
            throw error
        }
    }

    /// Ends whatever libvirt copies to places that a run which was cut off has left.
    public func endCopies(to places: Set<String>, deadline: Duration) async throws(HostError) {
        let found = try await connection.domains(deadline: deadline) { record -> [(UUID, String)] in
            guard let live = (try? record.definitions.get())?.live else { return [] }
            return Self.disks(live).compactMap { device in
                guard let mirror = Self.mirror(of: device), places.contains(mirror) else { return nil }
                return device.first("target")?["dev"].map { (record.uuid, $0) }
            }
        }
        for (uuid, disk) in found.flatMap(\.self) {
            try await connection.endBlockCopy(uuid, disk: disk, usesCopy: false, deadline: deadline)
        }
        let running = try await connection.domains(deadline: deadline) { record -> UUID? in
            (try? record.definitions.get())?.live.flatMap { MachineMark(domain: $0) } == nil ? nil : record.uuid
        }
        for uuid in running.compactMap(\.self) { try await giveUpBackup(uuid, to: places) }
        // That run may have frozen a guest.
        let guests = try await connection.domains(deadline: deadline) { record -> UUID? in
            guard let live = (try? record.definitions.get())?.live, MachineMark(domain: live) != nil else { return nil }
            let channels = live.first("devices")?.elements("channel") ?? []
            return channels.contains { $0.first("target")?["state"] == "connected" } ? record.uuid : nil
        }
        for uuid in guests.compactMap(\.self) { try? await thaw(uuid) }
    }

    /// Where a disk is copied to.
    private struct CopyTarget {
        let path: String
        let isDevice: Bool
        let format: Volume.Format
    }

    /// Copies a disk until both places hold the same, and go on to.
    private func copy(
        _ live: LiveDisk, _ machine: VirtualMachine, _ disk: String, from path: String, to target: CopyTarget,
        bandwidth: BitRate?, time: Duration, deadline: Duration, report: @escaping @Sendable (MoveProgress) -> Void
    ) async throws(HostError) -> LiveDisk {
        var now = live
        guard now.path == path else {
            throw .surprise("the disk \(disk) of domain \(now.domain) is \(now.path), not \(path)")
        }
        if let mirror = now.mirror, mirror != target.path {
            throw .surprise("libvirt copies the disk \(disk) of domain \(now.domain) to \(mirror)")
        }
        if now.mirror == nil {
            do throws(HostError) {
                try await connection.startBlockCopy(
                    now.uuid, disk: now.target, to: target.path, isDevice: target.isDevice, format: target.format,
                    bandwidth: bandwidth, deadline: deadline)
            } catch .libvirt(_, _, let message, _) where target.isDevice && message.contains("already in use") {
                // libvirt 9.0 leaves the node in the domain's own /dev, with its old label.
                throw .surprise(
                    "domain \(now.domain) has left \(target.path) since it was started, and libvirt does not give it back before "
                        + "it is started anew: \(message)")
            }
        }
        let start = ContinuousClock.now
        var progress: BlockCopyProgress?
        while !now.isReady {
            let elapsed = ContinuousClock.now - start
            guard elapsed < time, (try? await Task.sleep(for: Self.pause(progress, after: elapsed))) != nil else {
                throw .surprise("the disk \(disk) of domain \(now.domain) was not copied in time; it was given up")
            }
            now = try await self.live(machine, disk, deadline: deadline)
            guard now.mirror == target.path else {
                throw .surprise("libvirt stopped copying the disk \(disk) of domain \(now.domain)")
            }
            progress = try await connection.blockCopyProgress(now.uuid, disk: now.target, deadline: deadline)
            if let progress {
                report(MoveProgress(done: progress.done, total: max(progress.done, progress.total)))
            }
        }
        return now
    }

    /// Ends what libvirt copies to a place, and makes sure that the machine has it in neither of its definitions.
    ///
    /// - Throws: `HostError.surprise` when it has.
    public func release(_ path: String, from machine: VirtualMachine, deadline: Duration) async throws(HostError) {
        let target = try target(machine)
        guard let record = try await connection.domain(target.uuid, deadline: deadline) else { return }
        try check(record, target)
        let definitions = try record.definitions.get()
        for device in definitions.live.map(Self.disks) ?? [] {
            guard let name = device.first("target")?["dev"], Self.mirror(of: device) == path else { continue }
            try await connection.endBlockCopy(record.uuid, disk: name, usesCopy: false, deadline: deadline)
        }
        for definition in [definitions.persistent, definitions.live].compactMap(\.self) {
            guard !Self.disks(definition).contains(where: { DomainReading.source(of: $0) == path }) else {
                throw .surprise("domain \(record.name) has \(path) as a disk")
            }
        }
    }

    /// Ends the copying, even where the task that began it is cancelled.
    private func giveUp(_ machine: VirtualMachine, _ disk: String, to path: String) async throws(HostError) {
        let work = Task { () -> Result<Void, HostError> in
            do throws(HostError) {
                let now = try await live(machine, disk, deadline: .seconds(30))
                guard now.mirror == path else { return .success(()) }
                try await connection.endBlockCopy(now.uuid, disk: now.target, usesCopy: false, deadline: .seconds(60))
                return .success(())
            } catch {
                return .failure(error)
            }
        }
        try await work.value.get()
    }

    func live(
        _ machine: VirtualMachine, _ disk: String, deadline: Duration
    ) async throws(HostError) -> LiveDisk {
        let record = try await ours(machine, deadline: deadline)
        guard let live = try record.definitions.get().live else {
            throw .surprise("domain \(record.name) does not run")
        }
        let alias = DeviceAlias.disk(disk)
        let device = Self.disks(DeviceNaming(live).applied(to: live)).first { $0.alias == alias }
        guard let device, let target = device.first("target")?["dev"], let path = DomainReading.source(of: device)
        else {
            throw .surprise("domain \(record.name) has no disk \(disk)")
        }
        let mirror = device.first("mirror")
        return LiveDisk(
            uuid: record.uuid, domain: record.name, target: target, path: path, mirror: Self.mirror(of: device),
            isReady: mirror?["ready"] == "yes")
    }

    private static func disks(_ domain: XMLElement) -> [XMLElement] {
        domain.first("devices")?.elements("disk") ?? []
    }

    /// Where libvirt copies a disk to; nil when it does not.
    private static func mirror(of device: XMLElement) -> String? {
        guard let mirror = device.first("mirror") else { return nil }
        let source = mirror.first("source")
        return source?["file"] ?? source?["dev"] ?? mirror["file"] ?? "an unknown place"
    }
}
