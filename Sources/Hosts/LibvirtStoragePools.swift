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
    /// `virStoragePoolGetInfo`. One that goes meanwhile is left out.
    ///
    /// One call after the other, on one thread: where several wait on a connection that breaks, libvirt 9.0's client may
    /// touch the stack of one that has gone on, and crash.
    public func storagePools(deadline: Duration) async throws(HostError) -> [StoragePoolRecord] {
        try await call("virConnectListAllStoragePools", deadline: deadline) { (connection) throws(HostError) in
            let all = try PoolList(connection)
            // What a list says of all is a way there and back less for each.
            func uuids(_ flag: virConnectListAllStoragePoolsFlags) throws(HostError) -> Set<UUID> {
                Set(try PoolList(connection, flags: flag.rawValue).uuids)
            }
            let sets = PoolSets(
                active: try uuids(VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE),
                persistent: try uuids(VIR_CONNECT_LIST_STORAGE_POOLS_PERSISTENT),
                autostarted: try uuids(VIR_CONNECT_LIST_STORAGE_POOLS_AUTOSTART))
            var records: [StoragePoolRecord] = []
            for index in all.uuids.indices {
                do throws(HostError) {
                    records.append(try all.record(index, sets))
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
}

/// What lists say of pools, by UUID.
private struct PoolSets {
    let active: Set<UUID>
    let persistent: Set<UUID>
    let autostarted: Set<UUID>
}

/// The owner of the pools of one list call.
private final class PoolList {
    private let pointers: [OpaquePointer]
    let uuids: [UUID]

    init(_ connection: OpaquePointer, flags: UInt32 = 0) throws(HostError) {
        var list: UnsafeMutablePointer<virStoragePoolPtr?>?
        let count = try LibvirtLibrary.check(
            "virConnectListAllStoragePools", virConnectListAllStoragePools(connection, &list, flags))
        defer { free(list) }
        let pointers = (0..<Int(count)).compactMap { list?[$0] }
        self.pointers = pointers
        uuids = pointers.map { pointer in
            var bytes = [UInt8](repeating: 0, count: 16)
            virStoragePoolGetUUID(pointer, &bytes)
            return UUID(libvirt: bytes)
        }
    }

    deinit { for pointer in pointers { virStoragePoolFree(pointer) } }

    func record(_ index: Int, _ sets: PoolSets) throws(HostError) -> StoragePoolRecord {
        let (pointer, uuid) = (pointers[index], uuids[index])
        var info = virStoragePoolInfo()
        try LibvirtLibrary.check("virStoragePoolGetInfo", virStoragePoolGetInfo(pointer, &info))
        let isPersistent = sets.persistent.contains(uuid)
        let flags = isPersistent ? VIR_STORAGE_XML_INACTIVE.rawValue : 0
        let call = "virStoragePoolGetXMLDesc"
        return StoragePoolRecord(
            name: virStoragePoolGetName(pointer).map { String(cString: $0) } ?? "", uuid: uuid,
            isActive: sets.active.contains(uuid), autostart: sets.autostarted.contains(uuid),
            isPersistent: isPersistent,
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
