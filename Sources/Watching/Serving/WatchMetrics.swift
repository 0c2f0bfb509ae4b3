public import Foundation
import Reconciler
import Synchronization

/// Counters and gauges of a watcher, for Prometheus. Names and labels are stable, and no label holds what somebody wrote.
public final class WatchMetrics: WatchEventSink {
    private struct State {
        var counters: [String: [String: Int]] = [:]
        var isLeader = false
        var converged: Date?
        var started: Date
        /// Why the plan under way was made.
        var cause: WatchEvent.Cause?

        mutating func count(_ name: String, _ label: String = "", by amount: Int = 1) {
            counters[name, default: [:]][label, default: 0] += amount
        }
    }

    private let version: String
    private let state: Mutex<State>

    /// - Parameter version: of this program, for `infra_build_info`.
    public init(version: String, started: Date = Date()) {
        self.version = version
        state = Mutex(State(started: started))
    }

    /// Counts a look at the repository, which is no event when it finds nothing new.
    public func polled(failed: Bool) {
        state.withLock { $0.count("infra_git_polls_total", failed ? #"result="failed""# : #"result="ok""#) }
    }

    /// Counts a look at the hosts.
    public func read(whole: Bool) {
        state.withLock { $0.count("infra_host_reads_total", whole ? #"scope="all""# : #"scope="event""#) }
    }

    /// Counts a message of a forge.
    func webhook(_ verdict: Webhook.Verdict) {
        let result =
            switch verdict {
            case .wakes: "woke"
            case .other: "other"
            case .forged: "forged"
            case .unreadable: "unreadable"
            }
        state.withLock { $0.count("infra_webhooks_total", #"result="\#(result)""#) }
    }

    /// Counts.
    public func take(_ event: WatchEvent, at time: Date) async {
        state.withLock { state in
            switch event {
            case .leading: state.isLeader = true
            case .standingBy, .stopped: state.isLeader = false
            case .commitArrived: state.count("infra_commits_total", #"result="arrived""#)
            case .commitRefused: state.count("infra_commits_total", #"result="refused""#)
            case .commitHeld: state.count("infra_commits_total", #"result="held""#)
            case .commitAccepted: state.count("infra_commits_total", #"result="accepted""#)
            case .planned(_, let cause, _):
                state.cause = cause
                state.count("infra_applies_total", #"cause="\#(cause.rawValue)""#)
                if cause == .retry { state.count("infra_retries_total") }
            case .applying(_, let event): count(event, &state)
            case .converged:
                state.converged = time
                if state.cause == .drift { state.count("infra_drift_mended_total") }
                state.cause = nil
                state.count("infra_runs_total", #"result="converged""#)
            case .notConverged:
                state.cause = nil
                state.count("infra_runs_total", #"result="not_converged""#)
            case .driftReported(_, let resources): state.count("infra_drift_reported_total", by: resources.count)
            case .eventsMissed(let resources): state.count("infra_events_missed_total", by: resources.count)
            case .hostEvents(_, .some): state.count("infra_host_events_lost_total")
            case .started, .repositoryFailed, .repositoryRecovered, .hostEvents, .suspended, .untold:
                break
            }
        }
    }

    private func count(_ event: ApplyEvent, _ state: inout State) {
        switch event {
        case .stepDone: state.count("infra_steps_total", #"outcome="done""#)
        case .stepFailed(_, _, let outcome, _): state.count("infra_steps_total", #"outcome="\#(outcome.rawValue)""#)
        case .stepSkipped: state.count("infra_steps_total", #"outcome="skipped""#)
        case .started, .stepStarted, .stepProgress, .stopping, .verified: break
        }
    }

    /// The text exposition format 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats).
    public var text: String {
        let state = state.withLock { $0 }
        var text = ""
        for counter in Self.counters {
            text += "# HELP \(counter.name) \(counter.help)\n# TYPE \(counter.name) counter\n"
            let values = state.counters[counter.name] ?? [:]
            // What never happened is 0, so that a rate has a beginning.
            for label in counter.labels {
                text += "\(counter.name)\(label.isEmpty ? "" : "{\(label)}") \(values[label] ?? 0)\n"
            }
        }
        func gauge(_ name: String, _ help: String, _ value: String, labels: String = "") {
            text += "# HELP \(name) \(help)\n# TYPE \(name) gauge\n\(name)\(labels) \(value)\n"
        }
        gauge("infra_leader", "Whether this watcher is the one that works.", state.isLeader ? "1" : "0")
        gauge(
            "infra_last_converged_timestamp_seconds", "When the hosts were last found as the commit says; 0 for never.",
            Self.seconds(state.converged))
        gauge("infra_start_time_seconds", "When this watcher started.", Self.seconds(state.started))
        gauge("infra_build_info", "The version of this program.", "1", labels: #"{version="\#(version)"}"#)
        return text
    }

    private static func seconds(_ date: Date?) -> String { String(Int(date?.timeIntervalSince1970 ?? 0)) }

    private struct Counter {
        var name: String
        var help: String
        var labels: [String]

        init(_ name: String, _ help: String, _ key: String? = nil, _ values: [String] = []) {
            self.name = name
            self.help = help
            labels = key.map { key in values.map { #"\#(key)="\#($0)""# } } ?? [""]
        }
    }

    private static let counters = [
        Counter(
            "infra_commits_total", "Commits by what became of them.", "result",
            ["arrived", "accepted", "refused", "held"]),
        Counter(
            "infra_applies_total", "Plans begun, by their cause.", "cause", ["commit", "drift", "retry", "request"]),
        Counter("infra_runs_total", "Runs by their end.", "result", ["converged", "not_converged"]),
        Counter("infra_steps_total", "Steps by outcome.", "outcome", ["done", "failed", "unknown", "skipped"]),
        Counter("infra_drift_mended_total", "Runs that mended drift."),
        Counter("infra_drift_reported_total", "Resources whose drift was only reported."),
        Counter("infra_events_missed_total", "Resources that had changed without an event."),
        Counter("infra_host_events_lost_total", "How often a host stopped telling what happens on it."),
        Counter("infra_retries_total", "Plans begun because the one before failed."),
        Counter(
            "infra_host_reads_total", "Looks at the hosts: at everything, or at what an event told of.", "scope",
            ["all", "event"]),
        Counter(
            "infra_webhooks_total", "Messages of a forge by what they deserved.", "result",
            ["woke", "other", "forged", "unreadable"]),
        Counter("infra_git_polls_total", "Looks at the repository.", "result", ["ok", "failed"]),
    ]
}
