import CLibvirt
public import Foundation
public import Model

/// How far libvirt has copied a disk of a running domain.
public struct BlockCopyProgress: Hashable, Sendable {
    /// Bytes that were copied.
    public var done: UInt64
    /// Bytes that are to be copied, as far as is known now.
    public var total: UInt64
}

extension LibvirtConnection {
    /// Begins to copy a disk of a running domain to a place that is there and has its size. The domain uses both from then
    /// on, and goes on with the old one until it is told. Maps to `virDomainBlockCopy` with `REUSE_EXT` and
    /// `TRANSIENT_JOB`, without which libvirt refuses domains that have a persistent definition.
    ///
    /// - Parameters:
    ///   - disk: its `<target dev>`, such as `vda`.
    ///   - path: the file or block device.
    ///   - bandwidth: how fast; as fast as it goes when nil.
    public func startBlockCopy(
        _ uuid: UUID, disk: String, to path: String, isDevice: Bool, format: Volume.Format, bandwidth: BitRate?,
        deadline: Duration
    ) async throws(HostError) {
        let target = XMLElement(
            "disk", [.init("type", isDevice ? "block" : "file")],
            [
                XMLElement("source", [.init(isDevice ? "dev" : "file", path)]),
                XMLElement("driver", [.init("name", "qemu"), .init("type", format.rawValue)]),
            ]
        ).xmlText
        try await withDomain(uuid, "virDomainBlockCopy", deadline: deadline) { (domain, _) throws(HostError) in
            var parameters: virTypedParameterPtr?
            var count: Int32 = 0
            var capacity: Int32 = 0
            defer { virTypedParamsFree(parameters, count) }
            if let bandwidth {
                // In bytes a second.
                try LibvirtLibrary.check(
                    "virTypedParamsAddULLong",
                    virTypedParamsAddULLong(
                        &parameters, &count, &capacity, VIR_DOMAIN_BLOCK_COPY_BANDWIDTH,
                        UInt64(bandwidth.kilobytes) * 1000))
            }
            let flags = VIR_DOMAIN_BLOCK_COPY_REUSE_EXT.rawValue | VIR_DOMAIN_BLOCK_COPY_TRANSIENT_JOB.rawValue
            try LibvirtLibrary.check(
                "virDomainBlockCopy", virDomainBlockCopy(domain, disk, target, parameters, count, flags))
        }
    }

    /// How far the copying of a disk is; nil when nothing is done to it. Maps to `virDomainGetBlockJobInfo`.
    public func blockCopyProgress(
        _ uuid: UUID, disk: String, deadline: Duration
    ) async throws(HostError) -> BlockCopyProgress? {
        try await withDomain(uuid, "virDomainGetBlockJobInfo", deadline: deadline) { (domain, _) throws(HostError) in
            var info = virDomainBlockJobInfo()
            let known = try LibvirtLibrary.check(
                "virDomainGetBlockJobInfo", virDomainGetBlockJobInfo(domain, disk, &info, 0))
            return known == 0 ? nil : BlockCopyProgress(done: info.cur, total: info.end)
        }
    }

    /// Asks the agent in a guest to freeze its file systems. Maps to `virDomainFSFreeze`; fails where there is no agent.
    public func freezeDomain(_ uuid: UUID, deadline: Duration) async throws(HostError) {
        try await withDomain(uuid, "virDomainFSFreeze", deadline: deadline) { (domain, _) throws(HostError) in
            _ = try LibvirtLibrary.check("virDomainFSFreeze", virDomainFSFreeze(domain, nil, 0, 0))
        }
    }

    /// Asks the agent in a guest to let its file systems go on. Maps to `virDomainFSThaw`.
    public func thawDomain(_ uuid: UUID, deadline: Duration) async throws(HostError) {
        try await withDomain(uuid, "virDomainFSThaw", deadline: deadline) { (domain, _) throws(HostError) in
            _ = try LibvirtLibrary.check("virDomainFSThaw", virDomainFSThaw(domain, nil, 0, 0))
        }
    }

    /// Ends the copying of a disk: the domain goes on with the copy, or with what it had. Both of its definitions say so
    /// afterwards. Maps to `virDomainBlockJobAbort`, with `PIVOT` for the first, which libvirt refuses before all is copied.
    public func endBlockCopy(
        _ uuid: UUID, disk: String, usesCopy: Bool, deadline: Duration
    ) async throws(HostError) {
        try await withDomain(uuid, "virDomainBlockJobAbort", deadline: deadline) { (domain, _) throws(HostError) in
            let flags = usesCopy ? VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT.rawValue : 0
            try LibvirtLibrary.check("virDomainBlockJobAbort", virDomainBlockJobAbort(domain, disk, flags))
        }
    }
}
