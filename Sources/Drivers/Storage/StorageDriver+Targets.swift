import Foundation
public import Hosts
public import Model

/// Targets of the iSCSI server that runs on the host, tgtd(8). They are the operator's, with all that says who may log in; of their
/// units those are ours that have a volume of ours behind them.
extension StorageDriver {
    /// What QEMU is called as an initiator, before the UUID of its machine.
    private static let initiatorPrefix = "iqn.2008-11.org.linux-kvm:"

    /// How long a session of what has ended may still be seen.
    private static let logoutTime = Duration.seconds(3)

    /// Has a target serve a volume as the unit that its mark names. tgtd itself refuses a number that it has given already.
    ///
    /// - Throws: `.surprise` when the volume is not there or not marked so, when the target is not there, or when it has another unit of
    ///   that number, or the volume as another unit.
    public func mapUnit(_ volume: Volume) async throws(HostError) {
        let plan = try await planned(volume)
        let unit = try await requireUnit(plan)
        let name = unit.target.target
        guard let target = try await targets().first(where: { $0.contents.name == name }) else {
            throw .surprise("the target \(name) is not there any more")
        }
        let units = target.contents.units
        if let path = units.first(where: { $0.number == unit.number })?.path {
            guard path == plan.path else {
                throw .surprise("unit \(unit.number) of \(name) is \(CommandText.printable(path)) by now")
            }
            return
        }
        if let number = units.first(where: { $0.path == plan.path })?.number {
            throw .surprise("\(plan.path) is unit \(number) of \(name) by now")
        }
        try await change(
            "new", target.number, unit.number, ["--backing-store", plan.path])
    }

    /// Takes a unit from its target. Its file stays.
    ///
    /// - Parameter bystanders: the UUIDs of machines that are logged in for other units. tgtd does not tell who has which.
    /// - Throws: `.surprise` when the target has another unit of that number, or anybody else is logged in to it.
    public func unmapUnit(_ volume: Volume, bystanders: [String]) async throws(HostError) {
        let plan = try await planned(volume)
        let unit = try await requireUnit(plan)
        let name = unit.target.target
        let known = Set(bystanders.map { Self.initiatorPrefix + $0 })
        let end = ContinuousClock.now + Self.logoutTime
        while true {
            guard let target = try await targets().first(where: { $0.contents.name == name }),
                let path = target.contents.units.first(where: { $0.number == unit.number })?.path
            else { return }
            guard path == plan.path else {
                throw .surprise("unit \(unit.number) of \(name) is \(CommandText.printable(path)) by now")
            }
            guard let other = target.initiators.first(where: { !known.contains($0) }) else {
                return try await change("delete", target.number, unit.number, [])
            }
            // tgtd hears of the end of a machine a moment later, and tells nobody.
            guard ContinuousClock.now < end, (try? await Task.sleep(for: .milliseconds(200))) != nil else {
                throw .surprise(
                    "\(CommandText.printable(other)) is logged in to \(name) and may have unit \(unit.number) open")
            }
        }
    }

    /// Throws `.surprise` while a target serves the file of a volume that is marked as a unit: tgtd takes no lock on it.
    func requireUnmapped(_ mark: Volume.Mark, _ path: String) async throws(HostError) {
        guard mark.unit != nil else { return }
        for target in try await targets() {
            guard let unit = target.contents.units.first(where: { $0.path == path }) else { continue }
            throw .surprise("\(path) is unit \(unit.number) of \(target.contents.name)")
        }
    }

    /// What the server says of its targets.
    func targets() async throws(HostError) -> [TargetListing.Target] {
        let output = try await commands.run(
            "tgtadm", ["--lld", "iscsi", "--mode", "target", "--op", "show"], outputLimit: 1 << 24)
        return try TargetListing(output.text).targets
    }

    private func change(
        _ operation: String, _ target: Int, _ unit: Int, _ more: [String]
    ) async throws(HostError) {
        try await commands.run(
            "tgtadm",
            [
                "--lld", "iscsi", "--mode", "logicalunit", "--op", operation, "--tid", String(target), "--lun",
                String(unit),
            ] + more, underLock: true)
    }

    private func requireUnit(_ plan: Planned) async throws(HostError) -> StoragePool.LogicalUnit {
        let mark = try await requireMark(plan)
        guard let path = mark.unit, path == plan.mark.unit, let unit = StoragePool.LogicalUnit(path: path) else {
            throw .surprise("the mark of \(plan.path) does not say that it is \(plan.mark.unit ?? "a unit")")
        }
        return unit
    }
}

extension StorageReading {
    /// Takes in what the server says of its targets, where that matters. While it is not known, nothing is done to what may be behind
    /// their units.
    mutating func add(_ targets: Result<[TargetListing.Target], HostError>, managing pools: [StoragePool]) {
        switch targets {
        case .success(let targets): result.targets = targets.map(\.contents)
        case .failure(let error):
            let reason = "its targets could not be read (tgtadm): \(error)"
            for pool in pools { isUnknown(pool: pool.metadata.identity, reason) }
            for volume in result.volumes where volume.status?.mark?.unit != nil {
                let resource = ResourceID(.volume, volume.metadata.identity)
                result.unknown.append(UnknownArea(.storage, resource: resource, reason: reason))
            }
        }
    }
}
