public import Foundation
public import Hosts
public import Model

extension ComputeDriver {
    /// Marks a domain that is there and nobody's, running or not, in both of its definitions. Nothing else of it
    /// changes; its devices keep their names and are told by the map in the mark.
    ///
    /// - Throws: `HostError.surprise` when it is not there, is somebody's, has snapshots, or has other devices than the
    ///   map says.
    public func adopt(
        _ machine: VirtualMachine, devices: DeviceMap, deadline: Duration
    ) async throws(HostError) {
        let target = try target(machine)
        let end = ContinuousClock.now + deadline
        guard let record = try await connection.domain(target.uuid, deadline: end - .now) else {
            throw .surprise("there is no domain \(target.uuid.lowercased) any more")
        }
        let definitions = try record.definitions.get()
        let mark = MachineMark(machine, devices: devices, identity: identity)
        if let seen = MachineMark(domain: definitions.persistent) {
            guard seen.fleet == mark.fleet, seen.id == mark.id else {
                throw .surprise(
                    "domain \(record.name) carries the mark of \(seen.kind)/\(seen.id) of fleet \(seen.fleet)")
            }
        } else if let obstacle = AdoptableDomain.obstacle(to: record, definitions.persistent, "") {
            throw .surprise("domain \(record.name) cannot be adopted: \(obstacle)")
        }
        if let obstacle = try await obstacle(inSnapshotsOf: target.uuid, deadline: end - .now) {
            throw .surprise("domain \(record.name) cannot be adopted: \(obstacle)")
        }
        try check(machine, devices, definitions.persistent)
        try await connection.setDomainMetadata(
            target.uuid, mark.element, key: "infra", namespace: MachineMark.namespace, deadline: end - .now)
    }

    /// Why snapshots keep a domain from being adopted; nil without any.
    public func obstacle(inSnapshotsOf uuid: UUID, deadline: Duration) async throws(HostError) -> String? {
        let count = try await connection.domainSnapshotCount(uuid, deadline: deadline)
        return count == 0 ? nil : "it has \(count) snapshot\(count == 1 ? "" : "s"), whose definitions lack the mark"
    }

    private func check(
        _ machine: VirtualMachine, _ devices: DeviceMap, _ domain: XMLElement
    ) throws(HostError) {
        let named = DeviceNaming(map: devices).applied(to: domain)
        let spec = DomainReading(identity: identity).spec(named, host: host, state: .off, autostart: false)
        let paths = (spec?.disks ?? []).reduce(into: [String: String]()) { $0[$1.name] = $1.path }
        for disk in machine.spec.disks where paths[disk.name] != disk.path {
            throw .surprise("the disk \(devices.disks[disk.name] ?? disk.name) is not \(disk.path ?? "there") any more")
        }
        let macs = Set((spec?.interfaces ?? []).compactMap(\.mac))
        for mac in devices.interfaces.values where !macs.contains(mac) {
            throw .surprise("there is no interface \(mac) any more")
        }
    }
}
