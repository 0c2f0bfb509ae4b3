import CLibvirt
public import Foundation
public import Model

extension LibvirtConnection {
    /// What the domain does now. Maps to `virDomainGetState`.
    public func domainState(_ uuid: UUID, deadline: Duration) async throws(HostError) -> VirtualMachine.State {
        try await withDomain(uuid, "virDomainGetState", deadline: deadline) { (domain, _) throws(HostError) in
            try Domain.state(domain)
        }
    }

    /// Whether the domain is there when it does not run. Maps to `virDomainIsPersistent`.
    public func isDomainPersistent(_ uuid: UUID, deadline: Duration) async throws(HostError) -> Bool {
        try await withDomain(uuid, "virDomainIsPersistent", deadline: deadline) { (domain, _) throws(HostError) in
            try LibvirtLibrary.check("virDomainIsPersistent", virDomainIsPersistent(domain)) == 1
        }
    }

    /// Starts a domain from its persistent definition. Maps to `virDomainCreate`.
    public func startDomain(_ uuid: UUID, deadline: Duration) async throws(HostError) {
        try await domain(uuid, "virDomainCreate", deadline: deadline) { virDomainCreate($0) }
    }

    /// Asks the guest to shut down, by its agent where there is one, else by the power button. Success says only that
    /// the question was put. Maps to `virDomainShutdownFlags`.
    public func shutDownDomain(_ uuid: UUID, deadline: Duration) async throws(HostError) {
        let flags = VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN.rawValue | VIR_DOMAIN_SHUTDOWN_GUEST_AGENT.rawValue
        try await domain(uuid, "virDomainShutdownFlags", deadline: deadline) { virDomainShutdownFlags($0, flags) }
    }

    /// Lets a paused domain's processors run. Maps to `virDomainResume`, which waits for a start that is under way.
    public func resumeDomain(_ uuid: UUID, deadline: Duration) async throws(HostError) {
        try await domain(uuid, "virDomainResume", deadline: deadline) { virDomainResume($0) }
    }

    /// Ends the domain's QEMU process. Maps to `virDomainDestroyFlags`.
    ///
    /// - Parameter graceful: whether the process is only asked (SIGTERM), so that it can flush its caches; it is an error
    ///   then when it stays.
    public func destroyDomain(_ uuid: UUID, graceful: Bool, deadline: Duration) async throws(HostError) {
        let flags = graceful ? VIR_DOMAIN_DESTROY_GRACEFUL.rawValue : 0
        try await domain(uuid, "virDomainDestroyFlags", deadline: deadline) { virDomainDestroyFlags($0, flags) }
    }

    /// Forgets a domain. libvirt refuses when a managed save image or snapshots would go with it; its NVRAM and the state
    /// of its TPM stay. Maps to `virDomainUndefineFlags`.
    public func undefineDomain(_ uuid: UUID, deadline: Duration) async throws(HostError) {
        let flags = VIR_DOMAIN_UNDEFINE_KEEP_NVRAM.rawValue | VIR_DOMAIN_UNDEFINE_KEEP_TPM.rawValue
        try await domain(uuid, "virDomainUndefineFlags", deadline: deadline) { virDomainUndefineFlags($0, flags) }
    }

    /// Gives a domain that is off another name. Maps to `virDomainRename`.
    public func renameDomain(_ uuid: UUID, to name: String, deadline: Duration) async throws(HostError) {
        try await domain(uuid, "virDomainRename", deadline: deadline) { virDomainRename($0, name, 0) }
    }

    /// Says whether libvirt starts the domain with the host. Maps to `virDomainSetAutostart`.
    public func setDomainAutostart(_ uuid: UUID, _ autostart: Bool, deadline: Duration) async throws(HostError) {
        try await domain(uuid, "virDomainSetAutostart", deadline: deadline) {
            virDomainSetAutostart($0, autostart ? 1 : 0)
        }
    }

    /// The size of a running domain's disk as the guest sees it, in bytes. Maps to `virDomainGetBlockInfo`.
    ///
    /// - Parameter target: the disk's `<target dev>`, such as `vda`.
    public func domainDiskCapacity(
        _ uuid: UUID, target: String, deadline: Duration
    ) async throws(HostError) -> ByteCount {
        try await withDomain(uuid, "virDomainGetBlockInfo", deadline: deadline) { (domain, _) throws(HostError) in
            var info = virDomainBlockInfo()
            try LibvirtLibrary.check("virDomainGetBlockInfo", virDomainGetBlockInfo(domain, target, &info, 0))
            return ByteCount(info.capacity)
        }
    }

    /// Sets the size of a running domain's disk. libvirt does not refuse to shrink it, which loses data: the size now is
    /// read in the same go and a smaller one refused. Maps to `virDomainGetBlockInfo`, `virDomainBlockResize`.
    ///
    /// - Throws: `HostError.surprise` when the disk is larger.
    public func growDomainDisk(
        _ uuid: UUID, target: String, to size: ByteCount, isDevice: Bool = false, deadline: Duration
    ) async throws(HostError) {
        try await withDomain(uuid, "virDomainBlockResize", deadline: deadline) { (domain, _) throws(HostError) in
            var info = virDomainBlockInfo()
            try LibvirtLibrary.check("virDomainGetBlockInfo", virDomainGetBlockInfo(domain, target, &info, 0))
            guard info.capacity <= size.bytes else {
                throw .surprise("the disk has \(ByteCount(info.capacity)), more than \(size); it is not shrunk")
            }
            // A block device has its size already; QEMU does not look before it is told to.
            guard info.capacity < size.bytes || isDevice else { return }
            try LibvirtLibrary.check(
                "virDomainBlockResize",
                virDomainBlockResize(domain, target, size.bytes, VIR_DOMAIN_BLOCK_RESIZE_BYTES.rawValue))
        }
    }

    private func domain(
        _ uuid: UUID, _ name: String, deadline: Duration, _ body: @escaping @Sendable (OpaquePointer) -> Int32
    ) async throws(HostError) {
        try await withDomain(uuid, name, deadline: deadline) { (domain, _) throws(HostError) in
            _ = try LibvirtLibrary.check(name, body(domain))
        }
    }
}
