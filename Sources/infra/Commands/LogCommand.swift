import ArgumentParser
import Foundation
import Model
import Watching

/// `infra log`: what a watcher applied when, from which commit, by whom and with what result.
struct LogCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log", abstract: "Show what the watcher did: when, from which commit, by whom, with what result.",
        discussion: """
            Newest first, one line a run. The history is the watcher's own and may be thrown away; what is on the hosts \
            is told by `infra status`.
            Exit codes: 0, 2 could not run.
            """)

    @Option(
        help: ArgumentHelp("The state folder of `infra watch`.", valueName: "dir"), completion: .directory)
    var state = "/var/lib/infra/watch"

    @Option(help: ArgumentHelp("How many runs are shown at most.", valueName: "count"))
    var limit = 20

    @Option(help: ArgumentHelp("Only runs about this resource.", valueName: "Kind/id"))
    var resource: ResourceID?

    @Flag(help: "Show the steps of each run, too.")
    var steps = false

    @OptionGroup var output: FormatOptions

    func validate() throws {
        guard (1...10_000).contains(limit) else { throw ValidationError("--limit is 1 to 10000") }
    }

    func run() async throws {
        let runs: [HistoryRun]
        do throws(HistoryError) {
            runs = try await History.runs(folder: state, limit: limit, resource: resource)
        } catch {
            Console.error("error[history]: \(TerminalText.safe(error.description))")
            throw ExitCode(Exit.couldNotRun)
        }
        switch output.format {
        case .text: Console.output(runs.map { LogText.lines($0, steps: steps) }.joined())
        case .json: Console.output(try JSONOutput.document(runs))
        }
    }
}

/// Runs for a reader.
enum LogText {
    /// One line, and below it one for each reason, and each step when they are wanted.
    static func lines(_ run: HistoryRun, steps: Bool) -> String {
        var words = [run.summary?.short ?? run.commit.map { String($0.prefix(10)) } ?? "-", time(run.started)]
        words.append(result(run))
        if let cause = run.cause, cause != .commit { words.append("(\(cause.rawValue))") }
        if let summary = run.summary {
            words.append(TerminalText.safe(summary.subject))
            words.append("· " + TerminalText.safe(summary.author))
            if let signer = summary.signer { words.append("· signed by " + TerminalText.safe(signer)) }
        }
        var lines = [words.joined(separator: " ")]
        lines += run.reasons.map { "    " + TerminalText.safe($0) }
        if !run.deferred.isEmpty {
            lines.append("    deferred: " + TerminalText.safe(run.deferred.joined(separator: ", ")))
        }
        if steps { lines += run.steps.map { "    " + step($0) } }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func result(_ run: HistoryRun) -> String {
        var text =
            switch run.result {
            case .running: "running"
            case .converged: "converged"
            case .notConverged: "not converged"
            case .refused: "refused"
            case .held: "held"
            case .reported: "drift reported"
            case .replaced: "replaced by a newer run"
            case .interrupted: "interrupted"
            case .suspended: "suspended"
            case .resumed: "resumed"
            }
        if run.add + run.change + run.destroy > 0 { text += " +\(run.add) ~\(run.change) -\(run.destroy)" }
        if let ended = run.ended, run.cause != nil {
            text += String(format: " in %.1fs", ended.timeIntervalSince(run.started))
        }
        if run.count > 1 { text += " (\(run.count) times)" }
        return text
    }

    private static func step(_ step: HistoryRun.Step) -> String {
        let duration = step.milliseconds.map { String(format: " after %.1fs", Double($0) / 1000) } ?? ""
        let verb = step.verb.isEmpty ? "" : ": \(step.verb)"
        let error = step.error.map { ": \($0)" } ?? ""
        return TerminalText.safe("\(step.resource)\(verb): \(step.outcome.rawValue)\(duration)\(error)")
    }

    /// `2026-01-31 12:00:00Z`.
    private static func time(_ date: Date) -> String {
        date.formatted(.iso8601.year().month().day().dateTimeSeparator(.space).time(includingFractionalSeconds: false))
            + "Z"
    }
}
