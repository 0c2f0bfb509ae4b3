import CLibvirt
public import Foundation

/// A storage pool as libvirt knows it.
public struct StoragePoolRecord: Hashable, Sendable {
    /// libvirt's name.
    public var name: String
    /// libvirt's UUID.
    public var uuid: UUID
    /// Whether it is started.
    public var isActive: Bool
    /// Whether libvirt starts it with the host.
    public var autostart: Bool
    /// Whether it has a definition that outlives its stop.
    public var isPersistent: Bool
    /// Its definition; the persistent one where there is one.
    public var definition: XMLElement
    /// Size in bytes of what is below it; 0 while it is not started.
    public var capacity: UInt64
    /// Free space in bytes below it; 0 while it is not started.
    public var available: UInt64
}

extension LibvirtConnection {
    /// All storage pools, sorted by name. Maps to `virConnectListAllStoragePools`, `virStoragePoolGetXMLDesc`,
    /// `virStoragePoolGetInfo`, `virStoragePoolGetAutostart`. One that goes meanwhile is left out.
    public func storagePools(deadline: Duration) async throws(HostError) -> [StoragePoolRecord] {
        try await call("virConnectListAllStoragePools", deadline: deadline) { (connection) throws(HostError) in
            var list: UnsafeMutablePointer<virStoragePoolPtr?>?
            let count = try LibvirtLibrary.check(
                "virConnectListAllStoragePools", virConnectListAllStoragePools(connection, &list, 0))
            let pointers = (0..<Int(count)).compactMap { list?[$0] }
            defer {
                for pointer in pointers { virStoragePoolFree(pointer) }
                free(list)
            }
            var records: [StoragePoolRecord] = []
            for pointer in pointers {
                do throws(HostError) {
                    records.append(try Self.record(ofPool: pointer))
                } catch {
                    guard error.isNotFound else { throw error }
                }
            }
            return records.sorted { $0.name < $1.name }
        }
    }

    /// Defines a pool, or changes the definition of the one with that name and UUID. Maps to `virStoragePoolDefineXML`.
    public func defineStoragePool(_ xml: String, deadline: Duration) async throws(HostError) {
        try await call("virStoragePoolDefineXML", deadline: deadline) { (connection) throws(HostError) in
            guard let pointer = virStoragePoolDefineXML(connection, xml, 0) else {
                throw LibvirtLibrary.lastError("virStoragePoolDefineXML")
            }
            _ = StoragePoolHandle(owning: pointer)
        }
    }

    /// Starts a pool; one that is started stays so. Maps to `virStoragePoolCreate`.
    public func startStoragePool(_ uuid: UUID, deadline: Duration) async throws(HostError) {
        try await pool(uuid, "virStoragePoolCreate", deadline: deadline) {
            virStoragePoolIsActive($0) == 1 ? 0 : virStoragePoolCreate($0, 0)
        }
    }

    /// Stops a pool; what lies in it stays. Maps to `virStoragePoolDestroy`.
    public func stopStoragePool(_ uuid: UUID, deadline: Duration) async throws(HostError) {
        try await pool(uuid, "virStoragePoolDestroy", deadline: deadline) {
            virStoragePoolIsActive($0) == 0 ? 0 : virStoragePoolDestroy($0)
        }
    }

    /// Forgets a stopped pool; what lies in it stays. Maps to `virStoragePoolUndefine`.
    public func undefineStoragePool(_ uuid: UUID, deadline: Duration) async throws(HostError) {
        try await pool(uuid, "virStoragePoolUndefine", deadline: deadline) { virStoragePoolUndefine($0) }
    }

    /// Makes what the pool is about, such as its folder. Maps to `virStoragePoolBuild`.
    public func buildStoragePool(_ uuid: UUID, deadline: Duration) async throws(HostError) {
        try await pool(uuid, "virStoragePoolBuild", deadline: deadline) { virStoragePoolBuild($0, 0) }
    }

    /// Lets libvirt look again at what lies in a started pool. Maps to `virStoragePoolRefresh`.
    public func refreshStoragePool(_ uuid: UUID, deadline: Duration) async throws(HostError) {
        try await pool(uuid, "virStoragePoolRefresh", deadline: deadline) { virStoragePoolRefresh($0, 0) }
    }

    /// Says whether libvirt starts the pool with the host. Maps to `virStoragePoolSetAutostart`.
    public func setStoragePoolAutostart(
        _ uuid: UUID, _ autostart: Bool, deadline: Duration
    ) async throws(HostError) {
        try await pool(uuid, "virStoragePoolSetAutostart", deadline: deadline) {
            virStoragePoolSetAutostart($0, autostart ? 1 : 0)
        }
    }

    private func pool(
        _ uuid: UUID, _ name: String, deadline: Duration, _ body: @escaping @Sendable (OpaquePointer) -> Int32
    ) async throws(HostError) {
        try await withStoragePool(uuid, name, deadline: deadline) { (pool) throws(HostError) in
            _ = try LibvirtLibrary.check(name, body(pool))
        }
    }

    private static func record(ofPool pointer: OpaquePointer) throws(HostError) -> StoragePoolRecord {
        let isPersistent = virStoragePoolIsPersistent(pointer) == 1
        var bytes = [UInt8](repeating: 0, count: 16)
        try LibvirtLibrary.check("virStoragePoolGetUUID", virStoragePoolGetUUID(pointer, &bytes))
        var info = virStoragePoolInfo()
        try LibvirtLibrary.check("virStoragePoolGetInfo", virStoragePoolGetInfo(pointer, &info))
        var autostart: Int32 = 0
        if isPersistent {
            try LibvirtLibrary.check("virStoragePoolGetAutostart", virStoragePoolGetAutostart(pointer, &autostart))
        }
        let flags = isPersistent ? VIR_STORAGE_XML_INACTIVE.rawValue : 0
        let call = "virStoragePoolGetXMLDesc"
        return StoragePoolRecord(
            name: virStoragePoolGetName(pointer).map { String(cString: $0) } ?? "", uuid: UUID(libvirt: bytes),
            isActive: virStoragePoolIsActive(pointer) == 1, autostart: autostart == 1, isPersistent: isPersistent,
            definition: try XMLElement(
                parsing: try LibvirtLibrary.take(call, virStoragePoolGetXMLDesc(pointer, flags)), from: call),
            capacity: info.capacity, available: info.available)
    }
}

extension LibvirtConnection {
    /// Runs the body with the pool of that UUID. Maps to `virStoragePoolLookupByUUID`.
    ///
    /// - Parameter name: the libvirt function that matters, for errors.
    func withStoragePool<Value: Sendable>(
        _ uuid: UUID, _ name: String, deadline: Duration,
        _ body: @escaping @Sendable (_ pool: OpaquePointer) throws(HostError) -> Value
    ) async throws(HostError) -> Value {
        try await call(name, deadline: deadline) { (connection) throws(HostError) in
            guard let pointer = virStoragePoolLookupByUUID(connection, uuid.libvirtBytes) else {
                throw LibvirtLibrary.lastError("virStoragePoolLookupByUUID")
            }
            return try StoragePoolHandle(owning: pointer).use(body)
        }
    }
}
