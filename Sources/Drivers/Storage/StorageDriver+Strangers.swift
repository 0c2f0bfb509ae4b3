import Foundation
import Hosts
import Model

extension StorageDriver {
    /// Tells of the pools that are not ours, and returns those by folder that can be adopted and that somebody asked for.
    ///
    /// - Parameter named: libvirt's UUIDs of those that are asked for; nil for all.
    func strangers(
        _ records: [StoragePoolRecord], named: Set<UUID>?, _ marks: [String: FileMark], _ reading: inout StorageReading
    ) async throws(HostError) -> [String: StoragePoolRecord] {
        let asked = records.filter { named?.contains($0.uuid) ?? true }
        let objections = try await objections(asked.filter(\.isActive).compactMap(\.directory))
        var result: [String: StoragePoolRecord] = [:]
        for record in records {
            let mark = record.directory.flatMap { marks[$0] }
            let isAsked = asked.contains(record)
            let obstacle = isAsked ? Self.obstacle(to: record, mark, objections) : nil
            reading.result.foreign.append(Self.foreign(record, mark, obstacle: obstacle))
            guard isAsked, obstacle == nil, let folder = record.directory else { continue }
            reading.result.adoptable.pools.append(pool(record.name, record, .directory(path: folder), nil))
            result[folder] = record
        }
        return result
    }

    /// Why no manifest can adopt a pool.
    private static func obstacle(
        to record: StoragePoolRecord, _ mark: FileMark?, _ objections: [String: String]
    ) -> String? {
        guard let folder = record.directory else {
            return "its type is \(CommandText.printable(record.definition["type"] ?? "unknown")), not dir"
        }
        if let mark { return mark.owner.isEmpty ? "its folder carries another mark" : "it belongs to \(mark.owner)" }
        if isFleets(record.name) { return "its name is that of a pool of some fleet" }
        guard record.isPersistent else { return "it is transient" }
        return record.isActive ? objections[folder] : "it is not started"
    }

    /// Whether a fleet gives its pools such a name.
    private static func isFleets(_ name: String) -> Bool {
        let parts = name.split(separator: "-")
        return parts.count >= 3 && parts[0] == "infra" && parts[1].utf8.count == 8
    }

    private static func foreign(
        _ record: StoragePoolRecord, _ mark: FileMark?, obstacle: String?
    ) -> ForeignObject {
        let parts = record.name.split(separator: "-")
        return ForeignObject(
            kind: .pool, name: CommandText.printable(record.name),
            owner: isFleets(record.name) ? "fleet \(parts[1])" : mark?.owner ?? "",
            uuid: record.uuid.lowercased, path: record.definition.first(path: "target", "path")?.text,
            obstacle: obstacle)
    }
}
