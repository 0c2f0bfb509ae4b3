import CLibvirt
public import Foundation
public import Model

/// How a running domain goes to another host.
public struct MigrationOrder: Hashable, Sendable {
    /// The address of the target that the source's QEMU connects to.
    public var address: String
    /// The disks whose contents are copied, each by its `<target dev>`, such as `vda`.
    public var disks: [String]
    /// Whether what lies below those disks is copied with them.
    public var copiesLayers: Bool
    /// Whether it has disks in files that both hosts reach.
    public var sharesDisks: Bool
    /// For each of memory and disks; as much as there is when nil.
    public var bandwidth: BitRate?

    /// An order.
    public init(address: String, disks: [String], copiesLayers: Bool, sharesDisks: Bool, bandwidth: BitRate?) {
        self.address = address
        self.disks = disks
        self.copiesLayers = copiesLayers
        self.sharesDisks = sharesDisks
        self.bandwidth = bandwidth
    }
}

/// What libvirt is doing with a domain for long.
public struct DomainJob: Hashable, Sendable {
    /// Bytes of memory and disks that were sent.
    public var processed: UInt64
    /// Bytes that are left to send; more than before when the guest writes faster.
    public var remaining: UInt64
    /// How often memory was gone through; 0 while disks are copied.
    public var iteration: UInt64
}

extension LibvirtConnection {
    /// Moves a running domain to another host, where it is persistent then; here it is undefined. Managed by this process:
    /// when it ends, or loses one of the two, libvirt aborts and the guest goes on here, unless it had stopped here already
    /// for its last part: then it is paused here, and runs there or nowhere. Maps to `virDomainMigrate3` with `LIVE`,
    /// `PERSIST_DEST`, `UNDEFINE_SOURCE`, `ABORT_ON_ERROR` and, where disks are copied, `NON_SHARED_DISK` or
    /// `NON_SHARED_INC`; with `UNSAFE` where others are shared, since libvirt knows network and cluster file systems by a list
    /// and refuses all others. What it would look at beside that, the cache, QEMU empties at the target by itself.
    ///
    /// - Parameter deadline: after which its outcome is unknown. The job is to be aborted before.
    public func migrateDomain(
        _ uuid: UUID, to target: LibvirtConnection, _ order: MigrationOrder, deadline: Duration
    ) async throws(HostError) {
        try await call("virDomainMigrate3", with: target, deadline: deadline) { (source, target) throws(HostError) in
            guard let pointer = virDomainLookupByUUID(source, uuid.libvirtBytes) else {
                throw LibvirtLibrary.lastError("virDomainLookupByUUID")
            }
            try DomainHandle(owning: pointer).use { (domain) throws(HostError) in
                try Self.migrate(domain, target, order)
            }
        }
    }

    private static func migrate(
        _ domain: OpaquePointer, _ target: OpaquePointer, _ order: MigrationOrder
    ) throws(HostError) {
        var parameters: virTypedParameterPtr?
        var count: Int32 = 0
        var capacity: Int32 = 0
        defer { virTypedParamsFree(parameters, count) }
        func add(_ name: String, _ value: String) throws(HostError) {
            try LibvirtLibrary.check(
                "virTypedParamsAddString", virTypedParamsAddString(&parameters, &count, &capacity, name, value))
        }
        let isNumeric = IPAddress(order.address) != nil
        try add(
            VIR_MIGRATE_PARAM_URI, "tcp://" + (order.address.contains(":") ? "[\(order.address)]" : order.address))
        if isNumeric { try add(VIR_MIGRATE_PARAM_LISTEN_ADDRESS, order.address) }
        for disk in order.disks { try add(VIR_MIGRATE_PARAM_MIGRATE_DISKS, disk) }
        if let bandwidth = order.bandwidth {
            // In MiB a second, of which there is no less than one.
            let mebibytes = max(1, (UInt64(bandwidth.kilobytes) * 1000) >> 20)
            try LibvirtLibrary.check(
                "virTypedParamsAddULLong",
                virTypedParamsAddULLong(&parameters, &count, &capacity, VIR_MIGRATE_PARAM_BANDWIDTH, mebibytes))
        }
        var flags =
            VIR_MIGRATE_LIVE.rawValue | VIR_MIGRATE_PERSIST_DEST.rawValue | VIR_MIGRATE_UNDEFINE_SOURCE.rawValue
            | VIR_MIGRATE_ABORT_ON_ERROR.rawValue
        if !order.disks.isEmpty {
            flags |= (order.copiesLayers ? VIR_MIGRATE_NON_SHARED_DISK : VIR_MIGRATE_NON_SHARED_INC).rawValue
        }
        if order.sharesDisks { flags |= VIR_MIGRATE_UNSAFE.rawValue }
        guard let moved = virDomainMigrate3(domain, target, parameters, UInt32(count), flags) else {
            throw LibvirtLibrary.lastError("virDomainMigrate3")
        }
        _ = DomainHandle(owning: moved)
    }

    /// What libvirt is doing with a domain; nil when nothing, or when there is no such domain. Maps to
    /// `virDomainGetJobStats`.
    public func domainJob(_ uuid: UUID, deadline: Duration) async throws(HostError) -> DomainJob? {
        do throws(HostError) {
            return try await withDomain(uuid, "virDomainGetJobStats", deadline: deadline) {
                (domain, _) throws(HostError) in
                var type: Int32 = 0
                var parameters: virTypedParameterPtr?
                var count: Int32 = 0
                try LibvirtLibrary.check(
                    "virDomainGetJobStats", virDomainGetJobStats(domain, &type, &parameters, &count, 0))
                defer { virTypedParamsFree(parameters, count) }
                guard type != VIR_DOMAIN_JOB_NONE.rawValue else { return nil }
                func value(_ name: String) -> UInt64 {
                    var value: UInt64 = 0
                    return virTypedParamsGetULLong(parameters, count, name, &value) == 1 ? value : 0
                }
                return DomainJob(
                    processed: value(VIR_DOMAIN_JOB_DATA_PROCESSED), remaining: value(VIR_DOMAIN_JOB_DATA_REMAINING),
                    iteration: value(VIR_DOMAIN_JOB_MEMORY_ITERATION))
            }
        } catch {
            // One that is off has no job, which libvirt takes for an error.
            if error.isNotFound || error.isInvalidInState { return nil }
            throw error
        }
    }

    /// Ends what libvirt is doing with a domain; the call that began it fails. Maps to `virDomainAbortJob`.
    public func abortDomainJob(_ uuid: UUID, deadline: Duration) async throws(HostError) {
        try await withDomain(uuid, "virDomainAbortJob", deadline: deadline) { (domain, _) throws(HostError) in
            _ = try LibvirtLibrary.check("virDomainAbortJob", virDomainAbortJob(domain))
        }
    }

    /// Says for how long a guest that is being moved may stand still at the end. Maps to
    /// `virDomainMigrateSetMaxDowntime`; libvirt refuses when it is not being moved.
    public func setMigrationDowntime(
        _ uuid: UUID, milliseconds: Int, deadline: Duration
    ) async throws(HostError) {
        try await withDomain(uuid, "virDomainMigrateSetMaxDowntime", deadline: deadline) {
            (domain, _) throws(HostError) in
            _ = try LibvirtLibrary.check(
                "virDomainMigrateSetMaxDowntime", virDomainMigrateSetMaxDowntime(domain, UInt64(milliseconds), 0))
        }
    }

    /// Defines a domain that is off on another host as it is defined here, passwords included, which leave this process
    /// only for that host. Maps to `virDomainGetXMLDesc` with `INACTIVE|SECURE|MIGRATABLE`, `virDomainDefineXMLFlags`.
    ///
    /// - Parameter check: called with the definition; what it throws ends the call before any effect.
    public func copyDefinition(
        of uuid: UUID, to target: LibvirtConnection, deadline: Duration,
        check: @escaping @Sendable (_ definition: XMLElement) throws(HostError) -> Void
    ) async throws(HostError) {
        try await call("virDomainDefineXMLFlags", with: target, deadline: deadline) {
            (source, target) throws(HostError) in
            guard let pointer = virDomainLookupByUUID(source, uuid.libvirtBytes) else {
                throw LibvirtLibrary.lastError("virDomainLookupByUUID")
            }
            let text = try DomainHandle(owning: pointer).use { (domain) throws(HostError) in
                if try LibvirtLibrary.check("virDomainIsActive", virDomainIsActive(domain)) == 1 {
                    throw .surprise("domain \(Domain.name(domain)) runs")
                }
                if try LibvirtLibrary.check(
                    "virDomainHasManagedSaveImage", virDomainHasManagedSaveImage(domain, 0)) == 1
                {
                    throw .surprise(
                        "domain \(Domain.name(domain)) has a managed save image, which would be left behind")
                }
                let flags =
                    VIR_DOMAIN_XML_INACTIVE.rawValue | VIR_DOMAIN_XML_SECURE.rawValue
                    | VIR_DOMAIN_XML_MIGRATABLE.rawValue
                try check(try Domain.definition(domain, flags: flags, keepingBlanks: false))
                return try LibvirtLibrary.take("virDomainGetXMLDesc", virDomainGetXMLDesc(domain, flags))
            }
            guard let defined = virDomainDefineXMLFlags(target, text, 0) else {
                throw LibvirtLibrary.lastError("virDomainDefineXMLFlags")
            }
            _ = DomainHandle(owning: defined)
        }
    }
}
