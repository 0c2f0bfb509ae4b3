import Foundation
public import Hosts
public import Model

extension StorageDriver {
    /// Looks whether there is room for what is copied into files: in each folder as much has to be free as what is in the disks now
    /// takes there. How much of a logical volume is data is known of a thin one alone; another one is not counted.
    ///
    /// - Throws: `.surprise` when there is not.
    public func requireFree(for disks: [(volume: Volume, source: Volume)]) async throws(HostError) {
        var needed: [String: UInt64] = [:]
        for (volume, source) in disks where volume.status?.isLogical == false {
            guard let path = volume.status?.path else { continue }
            let folder = FileRecord(path: path, isPlain: true, size: 0, allocation: 0).folder
            needed[folder, default: 0] += try await data(in: source)
        }
        for (folder, bytes) in needed.sorted(by: { $0.key < $1.key }) {
            let free = try await free(in: folder)
            guard bytes <= free else {
                throw .surprise(
                    "\(folder) has \(ByteCount(free)) free, and what is in the disks takes \(ByteCount(bytes)): "
                        + "\(ByteCount(bytes - free)) missing")
            }
        }
    }

    /// How many bytes a qcow2 file takes of what a volume holds now, zeros left out.
    private func data(in volume: Volume) async throws(HostError) -> UInt64 {
        if let plan = try logical(volume) {
            let there = try require(plan, try await report())
            guard !there.pool.isEmpty else { return 0 }
            return UInt64(Double(there.size) * min(max(there.dataPercent ?? 0, 0), 100) / 100)
        }
        guard let path = volume.status?.path else { return 0 }
        return try await StoredImage(path: path, format: volume.spec.format.rawValue).takes(commands, as: "qcow2")
    }

    private func free(in folder: String) async throws(HostError) -> UInt64 {
        let text = try await commands.run("stat", ["--file-system", "--printf=%S %f", "--", folder]).text
        let numbers = text.split(separator: " ").compactMap { UInt64($0) }
        guard numbers.count == 2 else { throw .unreadable("stat wrote no free space of \(folder)") }
        return numbers[0].multipliedSaturating(by: numbers[1])
    }

    /// What a program failed with, and the pool that has no room and what is missing there, where that may be why.
    ///
    /// - Parameters:
    ///   - path: what was to be written, and is gone again.
    ///   - bytes: how many were to be.
    func withoutRoom(_ error: HostError, at path: String, for bytes: UInt64?) async -> HostError {
        let folder = FileRecord(path: path, isPlain: true, size: 0, allocation: 0).folder
        guard case .command = error, let bytes, let free = try? await free(in: folder), free < bytes else {
            return error
        }
        return .surprise(
            "\(await name(ofPoolIn: folder)) has \(ByteCount(free)) free, and \(ByteCount(bytes)) are needed: "
                + "\(ByteCount(bytes - free)) missing: \(error)")
    }

    /// What is said of a folder where something is missing.
    func name(ofPoolIn folder: String) async -> String {
        let pool = (try? await pools())?.first { $0.value.folder == folder }
        return pool.map { "StoragePool/\($0.key)" } ?? CommandText.printable(folder)
    }
}
