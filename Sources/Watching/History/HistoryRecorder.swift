import Foundation
import GRDB
import Model
import Planning
import Reconciler

/// Turns events into rows. A value: what it remembers counts only once the transaction is done.
struct HistoryRecorder: Sendable {
    /// How much of one text is kept.
    static let textLimit = 2000
    /// How many reasons or resources of one run are kept.
    static let listLimit = 100

    /// How many steps of all runs are kept.
    static let stepLimit = 200_000

    /// The run that is under way.
    private var open: Int64?
    private var sincePruned = 0

    /// What was under way when the last watcher ended.
    mutating func begin(_ database: Database) throws {
        try database.execute(sql: "UPDATE runs SET result = 'interrupted' WHERE result = 'running'")
    }

    mutating func record(_ event: WatchEvent, at time: Date, _ database: Database) throws {
        switch event {
        case .commitArrived(let commit), .commitAccepted(let commit): try remember(commit, database)
        case .commitRefused(let commit, let reasons):
            try remember(commit, database)
            try note(
                .refused, commit: commit.id, reasons: reasons.map(\.description),
                subjects: reasons.compactMap(\.resource), time, database)
        case .commitHeld(let commit, let reason):
            try remember(commit, database)
            try note(.held, commit: commit.id, reasons: [reason], subjects: [], time, database)
        case .planned(let commit, let cause, let plan):
            try end(.replaced, time, database)
            let id = try insert(.running, commit: commit, cause: cause, time, database)
            try database.execute(
                sql: "UPDATE runs SET added = ?, changed = ?, destroyed = ?, deferred = ? WHERE id = ?",
                arguments: [
                    plan.summary.add, plan.summary.change, plan.summary.destroy, list(plan.deferred.map(\.description)),
                    id,
                ])
            open = id
        case .applying(let commit, let event):
            let id = try open ?? insert(.running, commit: commit, cause: nil, time, database)
            open = id
            try record(event, run: id, database)
        case .converged(let commit, let deferred, _):
            let deferred = deferred.map(\.description)
            if open != nil { return try end(.converged, deferred: deferred, time, database) }
            guard try newest(database) != Newest(commit: commit, result: "converged") else { return }
            let id = try insert(.converged, commit: commit, cause: nil, ended: time, time, database)
            try database.execute(sql: "UPDATE runs SET deferred = ? WHERE id = ?", arguments: [list(deferred), id])
        case .notConverged(let commit, let reasons, _):
            if open != nil { return try end(.notConverged, reasons: reasons, time, database) }
            try note(.notConverged, commit: commit, reasons: reasons, subjects: [], time, database)
        case .driftReported(let commit, let resources):
            try note(
                .reported, commit: commit, reasons: resources.map(\.description), subjects: resources, time, database)
        case .suspended(let resource, let isSuspended):
            try note(
                isSuspended ? .suspended : .resumed, commit: nil, reasons: [resource.description], subjects: [resource],
                time, database)
        case .stopped: try end(.interrupted, time, database)
        case .started, .leading, .standingBy, .repositoryFailed, .repositoryRecovered, .eventsMissed, .hostEvents,
            .untold:
            break
        }
    }

    /// Now and then, not at each event: deleting the oldest is cheap, looking for them is not free.
    mutating func prune(_ limit: Int, _ database: Database) throws {
        sincePruned += 1
        guard sincePruned >= min(100, limit) else { return }
        sincePruned = 0
        try database.execute(
            sql: "DELETE FROM steps WHERE number <= (SELECT max(number) FROM steps) - ?", arguments: [Self.stepLimit])
        let last = try Int64.fetchOne(
            database, sql: "SELECT id FROM runs ORDER BY id DESC LIMIT 1 OFFSET ?", arguments: [limit])
        guard let last else { return }
        try database.execute(sql: "DELETE FROM runs WHERE id <= ?", arguments: [last])
        try database.execute(
            sql: "DELETE FROM commits WHERE id NOT IN (SELECT commitID FROM runs WHERE commitID IS NOT NULL)")
    }

    private func record(_ event: ApplyEvent, run: Int64, _ database: Database) throws {
        func end(_ step: String, _ resource: ResourceID, _ outcome: String, _ milliseconds: Int?, _ error: String?)
            throws
        {
            try database.execute(
                sql:
                    "UPDATE steps SET outcome = ?, milliseconds = ?, error = ? WHERE run = ? AND step = ? AND outcome = 'running'",
                arguments: [outcome, milliseconds, error.map(short), run, step])
            guard database.changesCount == 0 else { return }
            try begin(step, resource, "", outcome, error)
        }
        func begin(_ step: String, _ resource: ResourceID, _ verb: String, _ outcome: String, _ error: String?) throws {
            try database.execute(
                sql: "INSERT INTO steps (run, step, resource, verb, outcome, error) VALUES (?, ?, ?, ?, ?, ?)",
                arguments: [run, step, resource.description, verb, outcome, error.map(short)])
            try touch([resource], run, database)
        }
        switch event {
        case .stepStarted(let step, let resource, let verb): try begin(step, resource, verb, "running", nil)
        case .stepDone(let step, let resource, let milliseconds): try end(step, resource, "done", milliseconds, nil)
        case .stepFailed(let step, let resource, let outcome, let error):
            try end(step, resource, outcome.rawValue, nil, error)
        case .stepSkipped(let step, let resource, let reason): try end(step, resource, "skipped", nil, reason)
        case .started, .stepProgress, .stopping, .verified: break
        }
    }

    private struct Newest: Equatable {
        var commit: String?
        var result: String
    }

    private func newest(_ database: Database) throws -> Newest? {
        try Row.fetchOne(database, sql: "SELECT commitID, result FROM runs ORDER BY id DESC LIMIT 1").map {
            Newest(commit: $0["commitID"], result: $0["result"])
        }
    }

    /// An entry without steps. The same once more only counts the one before.
    private func note(
        _ result: HistoryRun.Result, commit: String?, reasons: [String], subjects: [ResourceID], _ time: Date,
        _ database: Database
    ) throws {
        let text = list(reasons)
        let last = try Row.fetchOne(
            database, sql: "SELECT id, commitID, result, reasons FROM runs ORDER BY id DESC LIMIT 1")
        if let last, last["commitID"] == commit, last["result"] == result.rawValue, last["reasons"] == text {
            let id: Int64 = last["id"]
            try database.execute(
                sql: "UPDATE runs SET count = count + 1, ended = ? WHERE id = ?",
                arguments: [time.timeIntervalSince1970, id])
            return
        }
        let id = try insert(result, commit: commit, cause: nil, ended: time, time, database)
        try database.execute(sql: "UPDATE runs SET reasons = ? WHERE id = ?", arguments: [text, id])
        try touch(Array(subjects.prefix(Self.listLimit)), id, database)
    }

    private func insert(
        _ result: HistoryRun.Result, commit: String?, cause: WatchEvent.Cause?, ended: Date? = nil, _ time: Date,
        _ database: Database
    ) throws -> Int64 {
        try database.execute(
            sql: "INSERT INTO runs (started, ended, commitID, cause, result) VALUES (?, ?, ?, ?, ?)",
            arguments: [
                time.timeIntervalSince1970, ended?.timeIntervalSince1970, commit, cause?.rawValue, result.rawValue,
            ])
        return database.lastInsertedRowID
    }

    private mutating func end(
        _ result: HistoryRun.Result, reasons: [String] = [], deferred: [String]? = nil, _ time: Date,
        _ database: Database
    ) throws {
        guard let id = open else { return }
        open = nil
        try database.execute(
            sql: "UPDATE runs SET result = ?, ended = ?, reasons = ?, deferred = coalesce(?, deferred) WHERE id = ?",
            arguments: [result.rawValue, time.timeIntervalSince1970, list(reasons), deferred.map(list), id])
    }

    private func remember(_ commit: CommitSummary, _ database: Database) throws {
        try database.execute(
            sql: "INSERT OR REPLACE INTO commits (id, tree, author, subject, time, signer) VALUES (?, ?, ?, ?, ?, ?)",
            arguments: [
                commit.id, commit.tree, short(commit.author), short(commit.subject), commit.time.timeIntervalSince1970,
                commit.signer,
            ])
    }

    private func touch(_ resources: [ResourceID], _ run: Int64, _ database: Database) throws {
        for resource in resources {
            try database.execute(
                sql: "INSERT OR IGNORE INTO subjects (resource, run) VALUES (?, ?)",
                arguments: [resource.description, run])
        }
    }

    private func short(_ text: String) -> String { String(text.prefix(Self.textLimit)) }

    /// Texts as JSON, which SQLite's own program shows well.
    private func list(_ texts: [String]) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        let kept = texts.prefix(Self.listLimit).map(short)
        return (try? encoder.encode(kept)).map { String(decoding: $0, as: UTF8.self) } ?? "[]"
    }
}
