public import Foundation
import GRDB
import Logging
public import Model
import Synchronization

/// What was applied when, from which commit, by whom and with what result: a file beside the watcher, for people.
///
/// Nothing is ever decided by it, so nothing that happens to it stops the watcher: a file that is damaged, locked,
/// read-only or of a newer version is renamed and a new one begun, and without a place to write there is one in memory.
public final class History: WatchEventSink {
    /// The file's name in the state folder.
    public static let file = "history.sqlite"

    private struct State: Sendable {
        var queue: DatabaseQueue
        var recorder = HistoryRecorder()
        var notices: [String] = []
    }

    private let path: String
    private let limit: Int
    private let state: Mutex<State>
    private let log = Logger(label: "infra.history")

    private init(path: String, limit: Int, queue: DatabaseQueue, notices: [String]) {
        self.path = path
        self.limit = limit
        state = Mutex(State(queue: queue, notices: notices))
    }

    /// Opens the history in a state folder, which is made when it is not there.
    /// - Parameter limit: how many runs are kept; the oldest go.
    public static func open(folder: String, limit: Int = 10_000) async -> History {
        let path = URL(filePath: folder).appending(path: file).path
        // SQLite blocks; this is no work for Swift's own threads.
        let (queue, notices) = await onAThread {
            try? FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            return usable(path)
        }
        let history = History(path: path, limit: limit, queue: queue, notices: notices)
        for notice in notices { history.log.warning("\(notice)") }
        await history.write { database, recorder in try recorder.begin(database) }
        return history
    }

    /// What had to be set aside and why, for the operator.
    public var notices: [String] { state.withLock { $0.notices } }

    /// Records an event. An event that cannot be recorded is lost; the reason goes to the log.
    public func take(_ event: WatchEvent, at time: Date) async {
        await write { [limit] database, recorder in
            try recorder.record(event, at: time, database)
            try recorder.prune(limit, database)
        }
    }

    /// The newest runs first.
    /// - Parameters:
    ///   - since: only runs that began then or later.
    ///   - resource: only runs about this resource.
    public func runs(limit: Int, since: Date? = nil, resource: ResourceID? = nil) async throws(HistoryError)
        -> [HistoryRun]
    {
        try await Self.runs(
            in: state.withLock { $0.queue }, HistoryQuery(limit: limit, since: since, resource: resource))
    }

    /// Reads the history of a state folder, and never changes it: a watcher may be at work there.
    public static func runs(folder: String, limit: Int, since: Date? = nil, resource: ResourceID? = nil)
        async throws(HistoryError) -> [HistoryRun]
    {
        let path = URL(filePath: folder).appending(path: file).path
        guard FileManager.default.fileExists(atPath: path) else {
            throw HistoryError(description: "there is no history in \(folder)")
        }
        let opened = await onAThread {
            Result { try DatabaseQueue(path: path, configuration: HistorySchema.configuration(readonly: true)) }
        }
        switch opened {
        case .success(let queue):
            return try await runs(in: queue, HistoryQuery(limit: limit, since: since, resource: resource))
        case .failure(let error): throw HistoryError(description: "\(path) cannot be read: \(explain(error))")
        }
    }

    private static func runs(in queue: DatabaseQueue, _ query: HistoryQuery) async throws(HistoryError) -> [HistoryRun]
    {
        do {
            return try await queue.read { database in
                guard try !HistorySchema.migrator.hasBeenSuperseded(database) else {
                    throw HistoryError(description: "it is of a newer version of infra")
                }
                return try query.runs(database)
            }
        } catch {
            throw HistoryError(description: "the history cannot be read: \(explain(error))")
        }
    }

    /// Writes; when the file turns out to be unusable, begins a new one and writes there.
    private func write(_ body: @escaping @Sendable (Database, inout HistoryRecorder) throws -> Void) async {
        do {
            try await attempt(body)
        } catch {
            guard Self.isUnusable(error) else {
                log.error("not recorded: \(Self.explain(error))")
                return
            }
            await replace(because: error)
            do { try await attempt(body) } catch { log.error("not recorded: \(Self.explain(error))") }
        }
    }

    private func attempt(_ body: @escaping @Sendable (Database, inout HistoryRecorder) throws -> Void) async throws {
        let (queue, recorder) = state.withLock { ($0.queue, $0.recorder) }
        let next = try await queue.write { database in
            var next = recorder
            try body(database, &next)
            return next
        }
        state.withLock { $0.recorder = next }
    }

    private func replace(because error: any Error) async {
        let old = state.withLock { $0.queue }
        let (queue, notices) = await Self.onAThread { [path] in
            try? old.close()
            return Self.fresh(path, because: error)
        }
        for notice in notices { log.warning("\(notice)") }
        state.withLock { state in
            state.queue = queue
            state.recorder = HistoryRecorder()
            state.notices += notices
        }
    }
}

extension History {
    private static func usable(_ path: String) -> (DatabaseQueue, [String]) {
        do { return (try HistorySchema.open(path), []) } catch { return fresh(path, because: error) }
    }

    /// Sets the file aside and opens a new one; in memory when even that fails.
    private static func fresh(_ path: String, because error: any Error) -> (DatabaseQueue, [String]) {
        let aside = "\(path).\(UUID().uuidString.prefix(8).lowercased()).unusable"
        for companion in ["", "-wal", "-shm"] { rename(path + companion, aside + companion) }
        prune(besides: aside, of: path)
        let notice = "\(path) is unusable (\(explain(error))): set aside as \(aside)"
        do { return (try HistorySchema.open(path), [notice]) } catch {
            return (inMemory(), ["\(path) is unusable (\(explain(error))): the history is kept in memory"])
        }
    }

    /// One file set aside is enough to look into; more would fill the disk.
    private static func prune(besides kept: String, of path: String) {
        let url = URL(filePath: path)
        let folder = url.deletingLastPathComponent()
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        for name in names
        where name.hasPrefix(url.lastPathComponent + ".") && name.contains(".unusable")
            && !name.hasPrefix(URL(filePath: kept).lastPathComponent)
        {
            try? FileManager.default.removeItem(at: folder.appending(path: name))
        }
    }

    private static func inMemory() -> DatabaseQueue {
        do {
            let queue = try DatabaseQueue(configuration: Configuration())
            try HistorySchema.migrator.migrate(queue)
            return queue
        } catch {
            preconditionFailure("SQLite has no memory: \(error)")
        }
    }

    /// Whether no later write into the same file will do better. A full disk is not of that kind.
    private static func isUnusable(_ error: any Error) -> Bool {
        guard let error = error as? DatabaseError else { return error is HistoryError }
        switch error.resultCode {
        case .SQLITE_FULL, .SQLITE_NOMEM, .SQLITE_CONSTRAINT: return false
        default: return true
        }
    }

    private static func explain(_ error: any Error) -> String {
        switch error {
        case let error as HistoryError: error.description
        case let error as DatabaseError: TerminalText.safe(error.message ?? "\(error.resultCode)")
        default: TerminalText.safe("\(error)")
        }
    }

    private static func onAThread<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { continuation.resume(returning: body()) }
        }
    }
}
