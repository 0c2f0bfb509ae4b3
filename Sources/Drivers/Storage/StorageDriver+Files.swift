import Foundation
import Hosts
import Model
import Synchronization

extension StorageDriver {
    /// What there is under a path now.
    enum Target: Hashable {
        case missing
        case file(FileMark?)
        /// A link, a folder, a device.
        case other
    }

    /// Looks at a path without following it.
    func target(_ path: String) async throws(HostError) -> Target {
        guard isLocal(path) else { return try await targetByCommand(path) }
        return try await byItself("looking at a file") { () throws(HostError) in try LocalFiles.target(path) }
    }

    /// As `LocalFiles` does, on any host.
    func targetByCommand(_ path: String) async throws(HostError) -> Target {
        let text = try await commands.run("bash", ["-c", StorageScripts.inspect, "infra-inspect", path]).text
        let parts = text.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
        switch parts.first {
        case "missing": return .missing
        case "other": return .other
        case "file": return .file(try FileMark.parse(dump: String(parts.dropFirst().joined())).values.first)
        default: throw .unreadable("the look at \(CommandText.printable(path)) wrote something else than it does")
        }
    }

    /// Removes an unfinished file.
    ///
    /// - Throws: `.surprise` when it is no plain file.
    func removeUnfinished(_ path: String) async throws(HostError) {
        guard isLocal(path) else { return try await run(StorageScripts.removeStaged, [path]) }
        try await byItself("removing an unfinished file") { () throws(HostError) in
            try commands.writing { () throws(HostError) in try LocalFiles.removeUnfinished(path) }
        }
    }

    /// Removes a file and writes that through.
    ///
    /// - Throws: `.surprise` when it is not there any more, or no plain file.
    func removeFile(_ path: String) async throws(HostError) {
        guard isLocal(path) else { return try await run(StorageScripts.remove, [path]) }
        // Giving back the blocks of a large one takes its time.
        try await byItself("removing a file", deadline: Self.copyDeadline) { () throws(HostError) in
            try commands.writing { () throws(HostError) in try LocalFiles.remove(path) }
        }
    }

    /// Makes the staged file's mark, then the staged file the final one, unless there is one.
    ///
    /// - Throws: `.surprise` when a file has the final name.
    func finish(_ path: String, staged: String, mark: FileMark, mode: mode_t) async throws(HostError) {
        guard isLocal(path) else { return try await finishByCommand(path, staged: staged, mark: mark, mode: mode) }
        let isGivenUp = Flag()
        let result = await withTaskCancellationHandler { () -> Result<Void, HostError> in
            do throws(HostError) {
                return .success(
                    try await byItself("finishing a file", deadline: Self.copyDeadline) { () throws(HostError) in
                        try commands.writing { () throws(HostError) in
                            try LocalFiles.finish(path, staged: staged, mark: mark, mode: mode) { !isGivenUp.isSet }
                        }
                    })
            } catch {
                return .failure(error)
            }
        } onCancel: {
            isGivenUp.set()
        }
        try result.get()
    }

    private final class Flag: Sendable {
        private let value = Atomic(false)
        var isSet: Bool { value.load(ordering: .acquiring) }
        func set() { value.store(true, ordering: .releasing) }
    }

    /// As `LocalFiles` does, on any host.
    func finishByCommand(_ path: String, staged: String, mark: FileMark, mode: mode_t) async throws(HostError) {
        try await run(
            StorageScripts.finish, [staged, path, String(mode, radix: 8)], input: .bytes(mark.dump(path: staged)),
            deadline: Self.copyDeadline)
    }

    /// Whether this process itself may touch what lies in a file's folder.
    private func isLocal(_ path: String) -> Bool {
        mayRead([FileRecord(path: path, isPlain: true, size: 0, allocation: 0).folder])
    }
}
