import CLibvirt
public import Foundation

/// A volume as libvirt's pool knows it.
public struct StorageVolumeRecord: Hashable, Sendable {
    /// Its name in the pool.
    public var name: String
    /// Its absolute path.
    public var path: String
    /// The size a guest sees, in bytes.
    public var capacity: UInt64
    /// What it takes from the pool, in bytes.
    public var allocation: UInt64
    /// The file it is a layer over, as its own header says; nil without one.
    public var backing: String?
    /// What its bytes look like to libvirt, which a guest that writes them may choose: `qcow2`, `raw`, `iso` …
    public var format: String?
}

extension LibvirtConnection {
    /// The volumes of a started pool as of its last refresh, sorted by name. Maps to `virStoragePoolListAllVolumes`,
    /// `virStorageVolGetXMLDesc`. One that goes meanwhile is left out.
    public func storageVolumes(
        inPool uuid: UUID, deadline: Duration
    ) async throws(HostError) -> [StorageVolumeRecord] {
        try await withStoragePool(uuid, "virStoragePoolListAllVolumes", deadline: deadline) {
            (pool) throws(HostError) in
            var list: UnsafeMutablePointer<virStorageVolPtr?>?
            let count = try LibvirtLibrary.check(
                "virStoragePoolListAllVolumes", virStoragePoolListAllVolumes(pool, &list, 0))
            defer {
                for index in 0..<Int(count) {
                    if let pointer = list?[index] { virStorageVolFree(pointer) }
                }
                free(list)
            }
            var records: [StorageVolumeRecord] = []
            for index in 0..<Int(count) {
                guard let pointer = list?[index] else { continue }
                do throws(HostError) {
                    records.append(try Self.record(ofVolume: pointer))
                } catch {
                    guard error.isNotFound else { throw error }
                }
            }
            return records.sorted { $0.name < $1.name }
        }
    }

    /// One call for all of it: the definition holds what `virStorageVolGetInfo` and `virStorageVolGetPath` would say.
    private static func record(ofVolume pointer: OpaquePointer) throws(HostError) -> StorageVolumeRecord {
        let call = "virStorageVolGetXMLDesc"
        let definition = try XMLElement(
            parsing: try LibvirtLibrary.take(call, virStorageVolGetXMLDesc(pointer, 0)), from: call)
        func bytes(_ name: String) throws(HostError) -> UInt64 {
            guard let element = definition.first(name), element["unit"] ?? "bytes" == "bytes",
                let value = UInt64(element.text)
            else { throw .unreadable("\(call) told no \(name) in bytes") }
            return value
        }
        return StorageVolumeRecord(
            name: definition.first("name")?.text ?? "", path: definition.first(path: "target", "path")?.text ?? "",
            capacity: try bytes("capacity"), allocation: try bytes("allocation"),
            backing: definition.first(path: "backingStore", "path")?.text,
            format: definition.first(path: "target", "format")?["type"])
    }
}
