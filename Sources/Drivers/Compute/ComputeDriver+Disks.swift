import Foundation
public import Hosts
public import Model

extension ComputeDriver {
    /// Grows a disk under a running machine. A disk that has the size is a success.
    ///
    /// - Throws: `HostError.surprise` when the machine does not run or has no such disk, or when the disk is larger:
    ///   it is never shrunk.
    public func growDisk(
        machine: VirtualMachine, disk: String, to size: ByteCount, deadline: Duration
    ) async throws(HostError) {
        let end = ContinuousClock.now + deadline
        let record = try await ours(machine, deadline: end - .now)
        let alias = DeviceAlias.disk(disk)
        guard let live = try record.definitions.get().live else {
            throw .surprise("domain \(record.name) does not run")
        }
        guard
            let device = DeviceNaming(live).applied(to: live).first("devices")?.elements.first(where: {
                $0.name == "disk" && $0.alias == alias
            }), let target = device.first("target")?["dev"]
        else { throw .surprise("domain \(record.name) has no disk \(disk)") }
        try await connection.growDomainDisk(
            record.uuid, target: target, to: size, isDevice: device["type"] == "block", deadline: end - .now)
    }
}
