import Foundation
import Hosts
import Model

/// What the folder of an adopted pool says about itself, in the same attribute as files. It names libvirt's pool, so a
/// copy of the folder under another pool is not ours.
struct PoolMark: Hashable, Codable {
    var fleet: UUID
    var pool: String
    var uuid: UUID
}

extension StorageDriver {
    /// The identities of our pools among those that libvirt knows, by libvirt's UUID: by their names, and of adopted
    /// ones by what their folders say; and what the folders of the others say.
    func owned(
        _ records: [StoragePoolRecord]
    ) async throws(HostError) -> (ids: [UUID: String], marks: [String: FileMark]) {
        var ids: [UUID: String] = [:]
        for record in records { ids[record.uuid] = poolID(record) }
        let others = records.filter { ids[$0.uuid] == nil && $0.directory != nil }
        let marks = try await folderMarks(others.compactMap(\.directory))
        for record in others {
            guard let mark = record.directory.flatMap({ marks[$0] })?.decoded(PoolMark.self),
                mark.fleet == identity.fleet, mark.uuid == record.uuid, Name.isValid(mark.pool)
            else { continue }
            ids[record.uuid] = mark.pool
        }
        return (ids, marks)
    }

    /// The marks of folders. One that cannot be looked at has none.
    func folderMarks(_ folders: [String]) async throws(HostError) -> [String: FileMark] {
        guard !folders.isEmpty else { return [:] }
        let output = try await commands.run(
            "bash", ["-c", StorageScripts.folderMarks, "infra-inspect"] + folders, outputLimit: 1 << 24, repairing: true
        )
        return try FileMark.parse(dump: output.text)
    }

    /// Why folders cannot hold volumes of ours, by path; those that can are left out.
    func objections(_ folders: [String]) async throws(HostError) -> [String: String] {
        guard !folders.isEmpty else { return [:] }
        let output = try await commands.run(
            "bash", ["-c", StorageScripts.folderObjections, "infra-inspect"] + folders, outputLimit: 1 << 24,
            repairing: true)
        var words = output.text.split(separator: "\0", omittingEmptySubsequences: false)[...]
        var result: [String: String] = [:]
        while let path = words.popFirst(), let reason = words.popFirst() { result[String(path)] = String(reason) }
        return result
    }
}
