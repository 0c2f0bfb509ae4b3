import Foundation
import GRDB

/// The tables of the history, and how its file is opened.
enum HistorySchema {
    /// How long another process may hold the file before it counts as unusable, in seconds.
    static let patience = 5.0

    /// A new version of the tables is one more migration. What an older program finds registered here and does not
    /// know makes the file one from the future.
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { database in
            try database.create(table: "commits") { table in
                table.primaryKey("id", .text)
                table.column("tree", .text).notNull()
                table.column("author", .text).notNull()
                table.column("subject", .text).notNull()
                table.column("time", .double).notNull()
                table.column("signer", .text)
            }
            try database.create(table: "runs") { table in
                table.autoIncrementedPrimaryKey("id")
                table.column("started", .double).notNull()
                table.column("ended", .double)
                table.column("commitID", .text)
                table.column("cause", .text)
                table.column("result", .text).notNull()
                table.column("added", .integer).notNull().defaults(to: 0)
                table.column("changed", .integer).notNull().defaults(to: 0)
                table.column("destroyed", .integer).notNull().defaults(to: 0)
                table.column("reasons", .text).notNull().defaults(to: "[]")
                table.column("deferred", .text).notNull().defaults(to: "[]")
                table.column("count", .integer).notNull().defaults(to: 1)
            }
            try database.create(table: "steps") { table in
                table.autoIncrementedPrimaryKey("number")
                table.column("run", .integer).notNull().indexed().references("runs", onDelete: .cascade)
                table.column("step", .text).notNull()
                table.column("resource", .text).notNull()
                table.column("verb", .text).notNull()
                table.column("outcome", .text).notNull()
                table.column("milliseconds", .integer)
                table.column("error", .text)
            }
            // Which runs are about a resource, by its steps or otherwise.
            try database.create(table: "subjects", options: .withoutRowID) { table in
                table.column("resource", .text).notNull()
                table.column("run", .integer).notNull().indexed().references("runs", onDelete: .cascade)
                table.primaryKey(["resource", "run"])
            }
        }
        return migrator
    }

    static func configuration(readonly: Bool = false) -> Configuration {
        var configuration = Configuration()
        configuration.label = "infra.history"
        configuration.readonly = readonly
        configuration.busyMode = .timeout(patience)
        if !readonly { configuration.journalMode = .wal }
        return configuration
    }

    /// Opens a file for writing, makes it when it is not there, and checks it.
    /// - Throws: an error of SQLite's, or `HistoryError` for a file from the future.
    static func open(_ path: String) throws -> DatabaseQueue {
        // Made here so that nobody else ever reads it; SQLite gives its companions the same mode.
        let descriptor = Foundation.open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw HistoryError(description: String(cString: strerror(errno))) }
        fchmod(descriptor, 0o600)
        close(descriptor)
        let queue = try DatabaseQueue(path: path, configuration: configuration())
        try queue.write { database in
            guard try !migrator.hasBeenSuperseded(database) else {
                throw HistoryError(description: "it is of a newer version of infra")
            }
            let check = try String.fetchOne(database, sql: "PRAGMA quick_check(1)")
            guard check == "ok" else { throw HistoryError(description: "it is damaged: \(check ?? "no answer")") }
        }
        try migrator.migrate(queue)
        return queue
    }
}
