import CLibvirt
public import Foundation
public import Model

/// What came of a backup that has ended.
public enum BackupResult: Hashable, Sendable {
    /// All of it was written.
    case completed
    /// It was not, with libvirt's reason.
    case failed(String)
}

/// A disk of a running domain, and where what it holds at a moment is written.
public struct BackupDisk: Hashable, Sendable {
    /// Its `<target dev>`, such as `vda`.
    public var disk: String
    /// A file or block device that is there and has the disk's size.
    public var path: String
    /// Whether it is a block device.
    public var isDevice: Bool
    /// How it is to be written.
    public var format: Volume.Format

    /// A disk and a place.
    public init(disk: String, path: String, isDevice: Bool, format: Volume.Format) {
        self.disk = disk
        self.path = path
        self.isDevice = isDevice
        self.format = format
    }
}

extension LibvirtConnection {
    /// Begins to write what disks of a running domain hold at this moment, the same for all of them, to places that are there.
    /// What the guest writes from then on is kept apart until the old contents are written. The domain never uses the places, and
    /// does not wait for them. Maps to `virDomainBackupBegin` in push mode, with `REUSE_EXTERNAL`.
    public func startBackup(_ uuid: UUID, _ disks: [BackupDisk], deadline: Duration) async throws(HostError) {
        let text = XMLElement(
            "domainbackup", [.init("mode", "push")],
            [
                XMLElement(
                    "disks", [],
                    disks.map { disk in
                        XMLElement(
                            "disk",
                            [
                                .init("name", disk.disk), .init("backup", "yes"),
                                .init("type", disk.isDevice ? "block" : "file"), .init("backupmode", "full"),
                            ],
                            [
                                XMLElement("driver", [.init("type", disk.format.rawValue)]),
                                XMLElement("target", [.init(disk.isDevice ? "dev" : "file", disk.path)]),
                            ])
                    })
            ]
        ).xmlText
        try await withDomain(uuid, "virDomainBackupBegin", deadline: deadline) { (domain, _) throws(HostError) in
            // The result of an earlier one is forgotten when it is read.
            _ = try? Self.stats(domain, VIR_DOMAIN_JOB_STATS_COMPLETED)
            let flags = VIR_DOMAIN_BACKUP_BEGIN_REUSE_EXTERNAL.rawValue
            try LibvirtLibrary.check("virDomainBackupBegin", virDomainBackupBegin(domain, text, nil, flags))
        }
    }

    /// Where a backup of a domain is written to that is under way; nothing when none is. Maps to `virDomainBackupGetXMLDesc`.
    public func backupPlaces(_ uuid: UUID, deadline: Duration) async throws(HostError) -> Set<String> {
        do throws(HostError) {
            return try await withDomain(uuid, "virDomainBackupGetXMLDesc", deadline: deadline) {
                (domain, _) throws(HostError) in
                let text = try LibvirtLibrary.take("virDomainBackupGetXMLDesc", virDomainBackupGetXMLDesc(domain, 0))
                let backup = try XMLElement(parsing: text, from: "virDomainBackupGetXMLDesc", keepingBlanks: false)
                let targets = backup.first("disks")?.elements("disk").compactMap { $0.first("target") } ?? []
                return Set(targets.compactMap { $0["file"] ?? $0["dev"] })
            }
        } catch {
            if case .libvirt(Int(VIR_ERR_NO_DOMAIN_BACKUP.rawValue), _, _, _) = error { return [] }
            // One that is off writes nothing.
            if error.isInvalidInState || error.isNotFound { return [] }
            throw error
        }
    }

    /// How far a backup is, in bytes. Maps to `virDomainGetJobStats`.
    public func backupProgress(_ uuid: UUID, deadline: Duration) async throws(HostError) -> BlockCopyProgress {
        try await withDomain(uuid, "virDomainGetJobStats", deadline: deadline) { (domain, _) throws(HostError) in
            let job = try Self.stats(domain, virDomainGetJobStatsFlags(rawValue: 0))
            return BlockCopyProgress(done: job.done, total: job.total)
        }
    }

    /// What came of the last backup of a domain, which is told once. Maps to `virDomainGetJobStats` with `COMPLETED`.
    public func backupResult(_ uuid: UUID, deadline: Duration) async throws(HostError) -> BackupResult {
        try await withDomain(uuid, "virDomainGetJobStats", deadline: deadline) { (domain, _) throws(HostError) in
            let job = try Self.stats(domain, VIR_DOMAIN_JOB_STATS_COMPLETED)
            guard job.operation == Int32(bitPattern: VIR_DOMAIN_JOB_OPERATION_BACKUP.rawValue) else {
                return .failed("libvirt says nothing of it")
            }
            let isDone = job.type == Int32(bitPattern: VIR_DOMAIN_JOB_COMPLETED.rawValue)
            return isDone ? .completed : .failed(job.message ?? "it was ended")
        }
    }

    /// Says how fast a backup of a disk may be. Maps to `virDomainBlockJobSetSpeed`.
    public func limitBackup(
        _ uuid: UUID, disk: String, to bandwidth: BitRate, deadline: Duration
    ) async throws(HostError) {
        try await withDomain(uuid, "virDomainBlockJobSetSpeed", deadline: deadline) { (domain, _) throws(HostError) in
            let flags = VIR_DOMAIN_BLOCK_JOB_SPEED_BANDWIDTH_BYTES.rawValue
            try LibvirtLibrary.check(
                "virDomainBlockJobSetSpeed",
                virDomainBlockJobSetSpeed(domain, disk, UInt(bandwidth.kilobytes) * 1000, flags))
        }
    }

    /// What libvirt says of a job.
    private struct JobStats {
        let type: Int32
        let operation: Int32
        let done: UInt64
        let total: UInt64
        let message: String?
    }

    private static func stats(
        _ domain: OpaquePointer, _ flags: virDomainGetJobStatsFlags
    ) throws(HostError) -> JobStats {
        var type: Int32 = 0
        var parameters: virTypedParameterPtr?
        var count: Int32 = 0
        try LibvirtLibrary.check(
            "virDomainGetJobStats", virDomainGetJobStats(domain, &type, &parameters, &count, flags.rawValue))
        defer { virTypedParamsFree(parameters, count) }
        func number(_ name: String) -> UInt64 {
            var value: UInt64 = 0
            return virTypedParamsGetULLong(parameters, count, name, &value) == 1 ? value : 0
        }
        var operation: Int32 = 0
        _ = virTypedParamsGetInt(parameters, count, VIR_DOMAIN_JOB_OPERATION, &operation)
        var text: UnsafePointer<CChar>?
        let hasText = virTypedParamsGetString(parameters, count, VIR_DOMAIN_JOB_ERRMSG, &text) == 1
        return JobStats(
            type: type, operation: operation, done: number(VIR_DOMAIN_JOB_DISK_PROCESSED),
            total: number(VIR_DOMAIN_JOB_DISK_TOTAL), message: hasText ? text.map { String(cString: $0) } : nil)
    }
}
