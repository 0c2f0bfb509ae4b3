import Hosts
import Model

extension StorageDriver {
    /// What LVM says of all its volume groups and of what is in them.
    func report() async throws(HostError) -> LVMReport {
        try await shared.groups.answer { () throws(HostError) in try await commands.ask(LVMReport.whole) }
    }

    /// The same with the profiles of fleets.
    ///
    /// - Parameter devices: absolute paths, of which the report has the numbers.
    func report(devices: [String]) async throws(HostError) -> LVMReport {
        try await commands.ask(LVMReport.question(devices: devices))
    }

    /// The same for an observation, or why it could not be read. In a group that is not ours nothing is.
    func reported(_ wanted: [StoragePool]) async -> Result<LVMReport, HostError> {
        let devices = wanted.filter { $0.isOn(host: host) }.flatMap { $0.spec.lvm?.devices ?? [] }
        do throws(HostError) {
            return .success(try await commands.ask(LVMReport.question(volumesOf: identity, devices: devices)))
        } catch {
            return .failure(error)
        }
    }

    /// A volume of a plan that is a logical volume.
    struct Logical {
        let id: String
        let group: String
        let name: String
        let pool: String
        let mark: Volume.Mark

        /// As LVM's programs take it.
        var operand: String { "\(group)/\(name)" }
        var path: String { StoragePool.LVM.folder(of: group) + "/" + name }
    }

    /// What a plan says of a logical volume; nil when the volume is a file.
    func logical(_ volume: Volume) throws(HostError) -> Logical? {
        let id = volume.metadata.identity
        guard let status = volume.status, status.isLogical else { return nil }
        let parts = status.path.split(separator: "/")
        guard parts.count == 3, let mark = status.mark, mark.fleet == identity.fleet, mark.id == id,
            mark.copy?.isOfPool != false, mark.file == volume.spec.file,
            parts[2] == LVMTags.name(of: mark, in: identity),
            volume.spec.format == .raw,
            status.backing == nil
        else { throw .surprise("the plan has no logical volume of ours for Volume/\(CommandText.printable(id))") }
        return Logical(
            id: id, group: String(parts[1]), name: String(parts[2]), pool: volume.spec.pool, mark: mark)
    }

    /// The volume group of a pool as it is now.
    ///
    /// - Throws: `.surprise` when it is not there, not that pool's, or lacks devices.
    func requireGroup(_ name: String, of pool: String, _ report: LVMReport) throws(HostError) -> VolumeGroupRecord {
        guard let group = report.group(name), LVMTags.pool(group.tags, in: identity)?.id == pool else {
            throw .surprise(
                "the volume group \(CommandText.printable(name)) is not there, or not that of StoragePool/\(pool)")
        }
        if let obstacle = group.obstacle { throw .surprise("the volume group \(name): \(obstacle)") }
        return group
    }

    /// The logical volume of a plan as it is now; nil when there is none of that name.
    ///
    /// - Throws: `.surprise` when it does not carry the mark.
    func find(_ plan: Logical, _ report: LVMReport) throws(HostError) -> LogicalVolumeRecord? {
        _ = try requireGroup(plan.group, of: plan.pool, report)
        guard let volume = report.volume(plan.name, in: plan.group) else { return nil }
        guard LVMTags.mark(of: volume, in: identity)?.id == plan.id else {
            throw .surprise("\(plan.path) is there and not ours")
        }
        return volume
    }

    /// The same, of one that has to be there whole.
    func require(_ plan: Logical, _ report: LVMReport) throws(HostError) -> LogicalVolumeRecord {
        guard let volume = try find(plan, report), !volume.tags.contains(LVMTags.staged) else {
            throw .surprise("\(plan.path) is not there any more, or not finished")
        }
        return volume
    }

    /// Runs a program of LVM that writes. It is never forced, and a question it asks is answered with no.
    func change(_ program: String, _ arguments: [String], deadline: Duration = .seconds(120)) async throws(HostError) {
        try await commands.run(program, arguments, deadline: deadline, underLock: true)
    }

    static func adding(_ tags: [String]) -> [String] { tags.flatMap { ["--addtag", $0] } }

    static func removing(_ tags: [String]) -> [String] { tags.flatMap { ["--deltag", $0] } }
}
