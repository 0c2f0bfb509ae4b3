public import Foundation
public import GitRepository
import Logging
import Model
import Planning
import Synchronization

/// Tells the repository itself what became of a commit, as a git note (git-notes(1)): `git log --notes=infra` shows it.
///
/// A note has a paragraph for each branch and folder that drives a fleet, so watchers of several fleets in one repository
/// leave each other's alone. Its lines are `name: value`; texts in it are those of the log.
public final class CommitNotes: WatchEventSink {
    /// How many notes wait at most; the oldest go first.
    private static let limit = 64
    private static let reasonLimit = 3
    private static let textLimit = 300

    /// A paragraph of a note.
    struct Entry: Hashable, Sendable {
        let commit: String
        /// `main`, or `main:office` for a folder; the paragraph's first line tells it from others.
        let source: String
        let state: String
        var fleet: String?
        var time: Date
        var plan: String?
        var deferred: [String] = []
        var reasons: [String] = []

        var heading: String { "source: \(source)" }

        var lines: [String] {
            var lines = [heading, "state: \(state)"]
            if let fleet { lines.append("fleet: \(Self.line(fleet))") }
            lines.append("time: \(time.formatted(.iso8601))")
            if let plan { lines.append("plan: \(plan)") }
            if !deferred.isEmpty { lines.append("deferred: " + Self.line(deferred.joined(separator: ", "))) }
            lines += reasons.prefix(reasonLimit).map { "reason: " + Self.line($0) }
            if reasons.count > reasonLimit { lines.append("reasons: \(reasons.count)") }
            return lines
        }

        private static func line(_ text: String) -> String {
            String(TerminalText.safe(text.replacing("\n", with: " ")).prefix(textLimit))
        }

        /// Whether a note says this already: a watcher that begins finds what it found before it ended.
        func isSaid(in note: String) -> Bool {
            guard plan == nil else { return false }
            let known = note.components(separatedBy: "\n\n").first { $0.hasPrefix(heading + "\n") }
            guard let lines = known?.split(separator: "\n").map(String.init) else { return false }
            let isTold = { (line: String) in !line.hasPrefix("time: ") && !line.hasPrefix("plan: ") }
            return lines.filter(isTold) == self.lines.filter(isTold)
        }
    }

    private let source: String
    private let told = Told()
    private let plans = Mutex<(commit: String, text: String)?>(nil)
    private let queue: AsyncStream<Entry>.Continuation
    private let task: Task<Void, Never>

    /// Writes into a repository on this machine.
    /// - Parameters:
    ///   - branch: The branch that is watched.
    ///   - path: The folder of the manifests in it; empty for all of it.
    public init(repository: GitRepository, branch: String, path: String) {
        source = path.isEmpty ? branch : "\(branch):\(path)"
        let (stream, queue) = AsyncStream.makeStream(of: Entry.self, bufferingPolicy: .bufferingNewest(Self.limit))
        self.queue = queue
        let log = Logger(label: "infra.telling")
        task = Task {
            var failure: String?
            for await entry in stream {
                do throws(GitError) {
                    try await Self.write(entry, repository)
                    failure = nil
                } catch {
                    // A repository that is not ours to write stays so; one line is enough.
                    if failure != "\(error)" { log.warning("no note on commit \(entry.commit.prefix(10)): \(error)") }
                    failure = "\(error)"
                }
                if Task.isCancelled { return }
            }
        }
    }

    deinit {
        queue.finish()
        task.cancel()
    }

    /// Waits for what is on its way, at the end of the watcher.
    public func finish(within limit: Duration) async {
        queue.finish()
        let watch = Task {
            try await Task.sleep(for: limit)
            task.cancel()
        }
        await task.value
        watch.cancel()
    }

    /// Puts a note into the queue when the event changes what it says. What is done about drift is not the commit's.
    public func take(_ event: WatchEvent, at time: Date) async {
        switch event {
        case .commitArrived(let commit), .commitAccepted(let commit): told.remember(commit)
        case .commitRefused(let commit, let reasons):
            tell(commit.id, "refused", reasons: reasons.map(\.description), at: time)
        case .commitHeld(let commit, let reason): tell(commit.id, "held", reasons: [reason], at: time)
        case .planned(let commit, .commit, let plan):
            let summary = plan.summary
            let text = "\(summary.add) to add, \(summary.change) to change, \(summary.destroy) to destroy"
            plans.withLock { $0 = (commit, text) }
            tell(commit, "applying", at: time)
        case .converged(let commit, let deferred, _):
            tell(commit, "converged", deferred: deferred.map(\.description), at: time)
        case .notConverged(let commit, let reasons, _): tell(commit, "not converged", reasons: reasons, at: time)
        default: break
        }
    }

    private func tell(
        _ commit: String, _ state: String, deferred: [String] = [], reasons: [String] = [], at time: Date
    ) {
        // What keeps a commit from converging changes with each try, and each note is a commit of its own.
        let news = state == "not converged" ? state : "\(state) \(deferred) \(reasons)"
        guard told.isNews(commit, news) else { return }
        let plan = plans.withLock { $0?.commit == commit ? $0?.text : nil }
        queue.yield(
            Entry(
                commit: commit, source: source, state: state, fleet: told.commit(commit)?.fleet, time: time, plan: plan,
                deferred: deferred, reasons: reasons))
    }

    private static func write(_ entry: Entry, _ repository: GitRepository) async throws(GitError) {
        guard let commit = GitCommitID(entry.commit) else { return }
        if entry.plan == nil, let note = try await repository.readNote(on: commit), entry.isSaid(in: note) { return }
        try await repository.writeNote(entry.lines.joined(separator: "\n"), on: commit, section: entry.heading)
    }
}
