public import Foundation
public import Hosts
public import Model

/// How far a move has come.
public struct MoveProgress: Hashable, Sendable {
    /// Bytes that were sent.
    public var done: UInt64
    /// Bytes that are to be sent, as far as is known now.
    public var total: UInt64

    /// So many bytes of so many.
    public init(done: UInt64, total: UInt64) {
        self.done = done
        self.total = total
    }
}

extension ComputeDriver {
    /// How often a move is looked at.
    private static let lookInterval = Duration.milliseconds(500)
    /// After how many passes over the memory the guest may stand still for twice as long.
    private static let patience: UInt64 = 2
    /// After how many passes at the longest standstill a move is given up.
    private static let lastPasses: UInt64 = 30
    /// How long libvirt may take to end a move that was given up.
    private static let abortTime = Duration.seconds(60)

    /// Whether libvirt is moving the machine, or doing something else with it for long.
    public func isBusy(_ uuid: UUID, deadline: Duration) async throws(HostError) -> Bool {
        try await connection.domainJob(uuid, deadline: deadline) != nil
    }

    /// Moves a running machine here. It keeps its memory, its devices and both of its definitions; where it was it is
    /// undefined.
    ///
    /// A guest that writes faster than its memory is sent may stand still for ever longer at the end, up to the limit; what
    /// does not end then, or not in time, is given up, and the guest goes on where it is.
    ///
    /// - Parameters:
    ///   - address: where QEMU here can be reached from there.
    ///   - disks: those whose contents are copied, by name. Files for them are here already.
    ///   - shared: those in files that both hosts reach, by name.
    ///   - report: told how far it has come.
    /// - Throws: `HostError.surprise` when it is here already, does not run there, or was given up; what libvirt says.
    public func migrate(
        _ machine: VirtualMachine, from source: ComputeDriver, address: String, disks: [String], shared: [String],
        copiesLayers: Bool, limits: Fleet.Migration, deadline: Duration,
        report: @escaping @Sendable (MoveProgress) -> Void
    ) async throws(HostError) {
        let record = try await movable(machine, from: source, deadline: deadline)
        guard record.state == .running, let live = try record.definitions.get().live else {
            throw .surprise("domain \(record.name) does not run on host \(source.host)")
        }
        let targets = try Self.targets(of: disks, of: machine, in: live, record.name)
        let reached = try Self.targets(of: shared, of: machine, in: live, record.name)
        try Self.requireAll(targets + reached, in: live, record.name)
        let order = MigrationOrder(
            address: address, disks: targets, copiesLayers: copiesLayers, sharesDisks: !shared.isEmpty,
            bandwidth: limits.bandwidth)
        // Cut off at the very end it is paused there and runs here. Should that host then start anew, it must not start it.
        if record.autostart {
            try await source.connection.setDomainAutostart(record.uuid, false, deadline: deadline)
        }
        let time = Duration.seconds(limits.timeout)
        let watch = Task {
            await source.watch(record.uuid, limits, until: ContinuousClock.now + time, report: report)
        }
        do throws(HostError) {
            try await source.connection.migrateDomain(
                record.uuid, to: connection, order, deadline: time + Self.abortTime)
            watch.cancel()
        } catch {
            watch.cancel()
            // What this misses the next run finds.
            let state = try? await source.connection.domainState(record.uuid, deadline: deadline)
            if record.autostart, state == .running {
                try? await source.connection.setDomainAutostart(record.uuid, true, deadline: deadline)
            }
            if let reason = await watch.value { throw .surprise("\(reason); it was given up (\(error))") }
            throw error
        }
        try await setAutostart(machine, deadline: deadline)
    }

    /// Defines a machine here that is off, as it is defined there, and undefines it there.
    ///
    /// - Throws: `HostError.surprise` when it runs, or when something would be left behind.
    public func relocate(
        _ machine: VirtualMachine, from source: ComputeDriver, deadline: Duration
    ) async throws(HostError) {
        let record = try await movable(machine, from: source, deadline: deadline)
        try await source.checkRelocation(record.uuid, deadline: deadline)
        let target = try target(machine)
        // Cut off between the two it is on both, and no host that starts anew may start it beside the other.
        if record.autostart {
            try await source.connection.setDomainAutostart(record.uuid, false, deadline: deadline)
        }
        try await source.connection.copyDefinition(of: record.uuid, to: connection, deadline: deadline) {
            (definition) throws(HostError) in try target.check(definition)
        }
        try await source.undefine(machine, deadline: deadline)
        try await connection.setDomainAutostart(record.uuid, machine.spec.autostart, deadline: deadline)
    }

    /// What would keep a domain here is found before any of its disks is copied.
    ///
    /// - Throws: `HostError.surprise` when it is not here, runs, or has snapshots, which would be left behind.
    public func checkRelocation(_ uuid: UUID, deadline: Duration) async throws(HostError) {
        guard let record = try await connection.domain(uuid, deadline: deadline) else {
            throw .surprise("domain \(uuid.lowercased) is not on host \(host) any more")
        }
        guard !record.state.isActive else { throw .surprise("domain \(record.name) runs on host \(host)") }
        if try await connection.domainSnapshotCount(uuid, deadline: deadline) > 0 {
            throw .surprise("domain \(record.name) has snapshots, which would be left behind")
        }
    }

    /// Ends and undefines what a move that was cut off has left here.
    ///
    /// - Throws: `HostError.surprise` when it runs here, or does not on the other host although it is paused here.
    public func drop(
        _ machine: VirtualMachine, home: ComputeDriver, deadline: Duration
    ) async throws(HostError) {
        let target = try target(machine)
        guard let record = try await connection.domain(target.uuid, deadline: deadline) else { return }
        try check(record, target)
        let other = try await home.ours(machine, deadline: deadline)
        guard record.state != .running else { throw .surprise("domain \(record.name) runs here") }
        for driver in [self, home] where try await driver.isBusy(record.uuid, deadline: deadline) {
            throw .surprise("libvirt on host \(driver.host) is at work on domain \(record.name)")
        }
        let isPersistent = try await connection.isDomainPersistent(record.uuid, deadline: deadline)
        if record.state.isActive {
            // What was defined here and paused may be the only one that ever ran.
            guard other.state == .running || !isPersistent else {
                throw .surprise("domain \(record.name) is paused here and does not run on host \(home.host)")
            }
            try await forceOff(machine, deadline: deadline)
        }
        if isPersistent { try await undefine(machine, deadline: deadline) }
    }

    /// The machine's domain where it comes from; it must not be here.
    private func movable(
        _ machine: VirtualMachine, from source: ComputeDriver, deadline: Duration
    ) async throws(HostError) -> DomainRecord {
        let record = try await source.ours(machine, deadline: deadline)
        if let present = try await connection.domain(record.uuid, deadline: deadline) {
            throw .surprise("domain \(present.name) is here already")
        }
        if try await connection.domainUUID(named: record.name, deadline: deadline) != nil {
            throw .surprise("another domain is called \(record.name) already")
        }
        if try await source.isBusy(record.uuid, deadline: deadline) {
            throw .surprise("libvirt on host \(source.host) is at work on domain \(record.name)")
        }
        return record
    }

    /// The `<target dev>` of disks, each of which must be read from the file that room was made for: libvirt makes files
    /// for others by itself, or writes over what has their name.
    private static func targets(
        of disks: [String], of machine: VirtualMachine, in live: XMLElement, _ name: String
    ) throws(HostError) -> [String] {
        let devices = DeviceNaming(live).applied(to: live).first("devices")?.elements("disk") ?? []
        var targets: [String] = []
        for disk in disks {
            let alias = DeviceAlias.disk(disk)
            guard let device = devices.first(where: { $0.alias == alias }), let target = device.first("target")?["dev"]
            else { throw .surprise("domain \(name) has no disk \(disk)") }
            let path = DomainReading.source(of: device)
            guard let path, path == machine.spec.disks.first(where: { $0.name == disk })?.path else {
                throw .surprise(
                    "the disk \(disk) of domain \(name) is \(path ?? "no file"), not the volume that is to move")
            }
            targets.append(target)
        }
        return targets
    }

    /// Of a disk that is neither copied nor reached by both hosts the guest would go on with whatever has its name there.
    private static func requireAll(_ targets: [String], in live: XMLElement, _ name: String) throws(HostError) {
        for disk in live.first("devices")?.elements("disk") ?? [] where disk.first("readonly") == nil {
            let target = disk.first("target")?["dev"] ?? ""
            guard ["cdrom", "floppy"].contains(disk["device"]) || targets.contains(target) else {
                throw .surprise("the disk \(target) of domain \(name) is no volume that is to move")
            }
        }
    }

    /// Looks at a move until it is cancelled.
    /// - Returns: why the move was given up; nil when it was not.
    private func watch(
        _ uuid: UUID, _ limits: Fleet.Migration, until end: ContinuousClock.Instant,
        report: @Sendable (MoveProgress) -> Void
    ) async -> String? {
        var downtime = max(10, limits.maxDowntime / 8)
        var isSet = false
        var last: UInt64 = 0
        while (try? await Task.sleep(for: Self.lookInterval)) != nil {
            guard let job = try? await connection.domainJob(uuid, deadline: .seconds(10)) else { continue }
            report(MoveProgress(done: job.processed, total: job.processed + job.remaining))
            var reason: String?
            if ContinuousClock.now > end {
                reason = "it did not end within \(limits.timeout) seconds"
            } else if downtime >= limits.maxDowntime, isSet, job.iteration > last + Self.lastPasses {
                reason =
                    "the guest writes faster than its memory is sent, even with \(limits.maxDowntime) ms of standstill"
            }
            if let reason {
                try? await connection.abortDomainJob(uuid, deadline: .seconds(10))
                return reason
            }
            guard !isSet || job.iteration > last + Self.patience && downtime < limits.maxDowntime else { continue }
            if isSet { downtime = min(downtime * 2, limits.maxDowntime) }
            last = job.iteration
            let set: Void? = try? await connection.setMigrationDowntime(
                uuid, milliseconds: downtime, deadline: .seconds(10))
            isSet = set != nil
        }
        return nil
    }
}
