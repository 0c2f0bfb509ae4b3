import Foundation
import Model
import Testing

@testable import Watching

@Suite struct HistoryTests {
    private let now = Date(timeIntervalSince1970: 1_800_000_000)

    private func feed(_ history: History, _ events: [WatchEvent], at time: Date? = nil) async {
        for event in events { await history.take(event, at: time ?? now) }
    }

    @Test func runsAreToldNewestFirst() async throws {
        let scratch = try Scratch()
        let history = await History.open(folder: scratch.path("state"))
        #expect(history.notices == [])
        let first = CommitSummary.sample(1, signer: "ada")
        await feed(history, try events(of: first, end: .converged(commit: first.id, deferred: [], milliseconds: 5)))
        // Found so again: nothing new.
        await feed(history, [.converged(commit: first.id, deferred: [], milliseconds: 1)])
        let second = CommitSummary.sample(2)
        let problem = Diagnostic(code: "unknown-field", "no `memroy`", resource: ResourceID(.virtualMachine, "db"))
        let refused = WatchEvent.commitRefused(second, reasons: [problem])
        await feed(history, [.commitArrived(second), refused, refused])
        await feed(history, [.commitHeld(.sample(3), reason: "older than what was applied")])

        let runs = try await history.runs(limit: 10)
        #expect(runs.map(\.result) == [.held, .refused, .converged])
        #expect(runs[2].summary == first && runs[2].add == 1 && runs[2].cause == .commit)
        let step = try #require(runs[2].steps.first)
        #expect(step.verb == "define" && step.outcome == .done && step.milliseconds == 1234)
        #expect(runs[1].count == 2 && runs[1].reasons == ["\(problem)"])
        #expect(runs[0].reasons == ["older than what was applied"])
        #expect(try await history.runs(limit: 1).map(\.id) == [runs[0].id])
        #expect(
            try await history.runs(limit: 9, resource: ResourceID(.virtualMachine, "web")).map(\.id) == [runs[2].id])
        #expect(try await history.runs(limit: 9, resource: ResourceID(.virtualMachine, "db")).map(\.id) == [runs[1].id])
        #expect(try await history.runs(limit: 9, since: now + 1) == [])
        // Another reader, while this one has it open.
        #expect(try await History.runs(folder: scratch.path("state"), limit: 10) == runs)
        let file = scratch.path("state/\(History.file)")
        for name in [file, file + "-wal", file + "-shm"] {
            let mode = try FileManager.default.attributesOfItem(atPath: name)[.posixPermissions] as? Int
            #expect(mode == 0o600, "\(name)")
        }
    }

    @Test func whatWasUnderWayIsInterrupted() async throws {
        let scratch = try Scratch()
        let commit = CommitSummary.sample(1)
        let all = try events(of: commit, end: .stopped(reason: "SIGTERM"))
        // Without its last event, as after a kill.
        await feed(await History.open(folder: scratch.path("a")), all.dropLast())
        let after = await History.open(folder: scratch.path("a"))
        #expect(try await after.runs(limit: 9).map(\.result) == [.interrupted])
        // A newer plan before its end, then drift mended.
        let next = try events(
            of: commit, end: .converged(commit: commit.id, deferred: [], milliseconds: 1), cause: .drift)
        await feed(after, Array(all.dropLast()) + next)
        #expect(try await after.runs(limit: 9).map(\.result) == [.converged, .replaced, .interrupted])
        #expect(try await after.runs(limit: 1).first?.cause == .drift)
    }

    /// Files that cannot be used, each made in its own way. The history begins anew, and the old file is still there.
    @Test(arguments: ["damaged", "no database", "future", "locked", "read-only", "a folder", "other tables"])
    func anUnusableFileIsSetAside(_ kind: String) async throws {
        let scratch = try Scratch()
        let file = scratch.path(History.file)
        let commit = CommitSummary.sample(1)
        await feed(
            await History.open(folder: scratch.url.path),
            try events(of: commit, end: .converged(commit: commit.id, deferred: [], milliseconds: 5)))
        var holder: Task<String, any Error>?
        switch kind {
        case "damaged":
            try await shell("sqlite3", [file, "PRAGMA wal_checkpoint(TRUNCATE)"])
            let handle = try FileHandle(forUpdating: URL(filePath: file))
            try handle.seek(toOffset: 4096)
            try handle.write(contentsOf: Data(repeating: 0x5a, count: 8192))
            try handle.close()
        case "no database": _ = try scratch.write(History.file, String(repeating: "not SQLite\n", count: 1000))
        case "future": try await shell("sqlite3", [file, "INSERT INTO grdb_migrations VALUES ('99')"])
        case "locked":
            let ready = scratch.path("ready")
            holder = Task {
                try await shell(
                    "sqlite3", [file],
                    input: """
                        PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE; UPDATE runs SET count=9;
                        .shell touch \(ready); while [ -e \(ready) ]; do sleep 0.1; done
                        """)
            }
            while !FileManager.default.fileExists(atPath: ready) { try await Task.sleep(for: .milliseconds(20)) }
        case "read-only": try await shell("chattr", ["+i", file])
        case "a folder":
            try FileManager.default.removeItem(atPath: file)
            try FileManager.default.createDirectory(atPath: file, withIntermediateDirectories: false)
        default: try await shell("sqlite3", [file, "DROP TABLE steps; ALTER TABLE runs RENAME TO walks"])
        }
        let history = await History.open(folder: scratch.url.path)
        let next = CommitSummary.sample(2)
        await feed(history, try events(of: next, end: .converged(commit: next.id, deferred: [], milliseconds: 5)))
        #expect(try await history.runs(limit: 9).map(\.commit) == [next.id])
        #expect(history.notices.count == 1, "\(history.notices)")
        if kind == "read-only" {
            try await shell("chattr", ["-i", file])
            // It could not even be renamed.
            #expect(history.notices.first?.contains("in memory") == true)
        } else {
            let names = try FileManager.default.contentsOfDirectory(atPath: scratch.url.path)
            #expect(names.contains { $0.hasSuffix(".unusable") }, "\(names)")
            #expect(try await History.runs(folder: scratch.url.path, limit: 9).map(\.commit) == [next.id])
        }
        try? FileManager.default.removeItem(atPath: scratch.path("ready"))
        _ = try await holder?.value
    }

    @Test func theOldestGo() async throws {
        let scratch = try Scratch()
        let history = await History.open(folder: scratch.url.path, limit: 5)
        for number in 1...12 {
            let commit = CommitSummary.sample(number)
            await feed(
                history, try events(of: commit, end: .converged(commit: commit.id, deferred: [], milliseconds: 5)))
        }
        await feed(history, Array(repeating: .leading, count: 5))
        let kept = try await history.runs(limit: 100)
        #expect(kept.map(\.commit) == (8...12).reversed().map { CommitSummary.sample($0).id })
        let counts = try await shell(
            "sqlite3",
            [scratch.path(History.file), "SELECT (SELECT count(*) FROM commits), (SELECT count(*) FROM steps)"])
        #expect(counts == "5|5\n")
    }
}
