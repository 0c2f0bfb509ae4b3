import Foundation
import GRDB
import Model

/// Which runs are asked for.
struct HistoryQuery: Sendable {
    var limit: Int
    var since: Date?
    var resource: ResourceID?

    func runs(_ database: Database) throws -> [HistoryRun] {
        let rows = try Row.fetchAll(
            database,
            sql: """
                SELECT runs.*, commits.tree, commits.author, commits.subject, commits.time, commits.signer
                FROM runs LEFT JOIN commits ON commits.id = runs.commitID
                WHERE (:since IS NULL OR runs.started >= :since)
                  AND (:resource IS NULL OR runs.id IN (SELECT run FROM subjects WHERE resource = :resource))
                ORDER BY runs.id DESC LIMIT :limit
                """,
            arguments: [
                "since": since?.timeIntervalSince1970, "resource": resource?.description, "limit": max(0, limit),
            ])
        return try rows.map { row in
            var run = try Self.run(row)
            run.steps = try Self.steps(of: run.id, database)
            return run
        }
    }

    private static func run(_ row: Row) throws -> HistoryRun {
        let commit: String? = row["commitID"]
        let tree: String? = row["tree"]
        let summary = commit.flatMap { id in
            tree.map { tree in
                CommitSummary(
                    id: id, tree: tree, author: row["author"], subject: row["subject"],
                    time: Date(timeIntervalSince1970: row["time"]), signer: row["signer"])
            }
        }
        let cause: String? = row["cause"]
        let result: String = row["result"]
        let ended: Double? = row["ended"]
        return HistoryRun(
            id: row["id"], started: Date(timeIntervalSince1970: row["started"]),
            ended: ended.map { Date(timeIntervalSince1970: $0) }, commit: commit, summary: summary,
            cause: cause.flatMap { WatchEvent.Cause(rawValue: $0) },
            result: HistoryRun.Result(rawValue: result) ?? .interrupted, add: row["added"], change: row["changed"],
            destroy: row["destroyed"], reasons: texts(row["reasons"]), deferred: texts(row["deferred"]),
            count: row["count"])
    }

    private static func steps(of run: Int64, _ database: Database) throws -> [HistoryRun.Step] {
        try Row.fetchAll(database, sql: "SELECT * FROM steps WHERE run = ? ORDER BY number", arguments: [run]).map {
            row in
            let outcome: String = row["outcome"]
            return HistoryRun.Step(
                id: row["step"], resource: row["resource"], verb: row["verb"],
                outcome: HistoryRun.Step.Outcome(rawValue: outcome) ?? .unknown, milliseconds: row["milliseconds"],
                error: row["error"])
        }
    }

    private static func texts(_ json: String) -> [String] {
        (try? JSONDecoder().decode([String].self, from: Data(json.utf8))) ?? []
    }
}
