import Foundation
import Model
import Planning
import Reconciler
import Watching

/// What a watcher does, as lines for people.
enum EventLines {
    /// The lines of an event; none for one that is only of use to programs.
    static func lines(_ event: WatchEvent) -> [String] {
        let text = text(event)
        guard !text.isEmpty else { return [] }
        return text.split(separator: "\n", omittingEmptySubsequences: false).map { TerminalText.safe(String($0)) }
    }

    private static func text(_ event: WatchEvent) -> String {
        switch event {
        case .started(let location, let branch): "watching \(branch) of \(location)"
        case .leading: "this watcher works"
        case .standingBy(let holder): "standing by, at work is: \(holder)"
        case .repositoryFailed(let reason): "repository: \(reason)"
        case .repositoryRecovered: "repository: can be read again"
        case .commitArrived(let commit):
            "commit \(commit.short) by \(commit.author): \(commit.subject)" + signed(commit)
        case .commitRefused(let commit, let reasons):
            (["commit \(commit.short) is refused, what was in force stays in force:"] + reasons.map { "  \($0)" })
                .joined(separator: "\n")
        case .commitHeld(let commit, let reason): "commit \(commit.short) is held: \(reason)"
        case .commitAccepted(let commit): "commit \(commit.short) is in force"
        case .planned(let commit, let cause, let plan):
            "\(because(cause, commit)):\n" + plan.text.trimmingCharacters(in: .newlines)
        case .applying(_, let event): applying(event)
        case .converged(let commit, let deferred, let milliseconds):
            "commit \(commit.prefix(10)): converged after \(milliseconds / 1000).\(milliseconds % 1000 / 100)s"
                + (deferred.isEmpty
                    ? "" : ", deferred as more than unattended runs may: \(list(deferred))")
        case .notConverged(let commit, let reasons, let retry):
            (["commit \(commit.prefix(10)): not converged" + (retry.map { ", next try at \(time($0))" } ?? "") + ":"]
                + reasons.map { "  \($0)" }).joined(separator: "\n")
        case .driftReported(_, let resources):
            resources.isEmpty ? "no drift any more" : "drift, left as it is: \(list(resources))"
        case .eventsMissed(let resources): "changed without an event: \(list(resources))"
        case .hostEvents(let host, let reason):
            reason.map { "host \(host) tells nothing: \($0)" } ?? "host \(host) tells what happens"
        case .suspended(let resource, let isSuspended):
            isSuspended ? "\(resource) is left alone" : "\(resource) is looked after again"
        case .untold(let count): "\(count) event\(count == 1 ? "" : "s") before this one came too fast to be told"
        case .stopped(let reason): "ended: \(reason)"
        }
    }

    private static func applying(_ event: ApplyEvent) -> String {
        switch event {
        case .started(let steps): "\(steps.count) step\(steps.count == 1 ? "" : "s")"
        case .stepStarted(_, let resource, let verb): "\(resource): \(verb)…"
        case .stepProgress: ""
        case .stepDone(let step, let resource, let milliseconds):
            "\(resource): \(step.split(separator: "/").last ?? ""): done after "
                + "\(milliseconds / 1000).\(milliseconds % 1000 / 100)s"
        case .stepFailed(_, let resource, let outcome, let error):
            "\(resource): \(outcome == .unknown ? "outcome unknown" : "failed"): \(error)"
        case .stepSkipped(_, let resource, let reason): "\(resource): not tried: \(reason)"
        case .stopping(let reason): "stopping: \(reason)"
        case .verified(let remaining, _): "read again: \(remaining.count) left to do"
        }
    }

    private static func signed(_ commit: CommitSummary) -> String {
        commit.signer.map { ", signed by \($0)" } ?? ""
    }

    private static func because(_ cause: WatchEvent.Cause, _ commit: String) -> String {
        switch cause {
        case .commit: "for commit \(commit.prefix(10))"
        case .drift: "drift from commit \(commit.prefix(10))"
        case .retry: "again for commit \(commit.prefix(10))"
        case .request: "as asked, for commit \(commit.prefix(10))"
        }
    }

    private static func list(_ resources: [ResourceID]) -> String {
        resources.prefix(20).map(\.description).joined(separator: ", ") + (resources.count > 20 ? ", …" : "")
    }

    private static func time(_ date: Date) -> String { date.formatted(.iso8601) }
}
