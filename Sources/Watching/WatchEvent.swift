public import Foundation
public import Model
public import Planning
public import Reconciler

/// What a watcher does and finds, as it happens. Its log, the answer to a push, the history, metrics and notifications
/// are all made of these. With `--format json` one object a line.
public enum WatchEvent: Sendable, Codable {
    /// It began to watch a branch.
    case started(location: String, branch: String)
    /// It is the one that works.
    case leading
    /// Another one works; the text is what that one says of itself.
    case standingBy(holder: String)
    /// The repository could not be read. What is in force stays in force.
    case repositoryFailed(reason: String)
    /// It can be read again.
    case repositoryRecovered
    /// A commit arrived.
    case commitArrived(CommitSummary)
    /// A commit is not done, and the one before it stays in force.
    case commitRefused(CommitSummary, reasons: [Diagnostic])
    /// A commit waits for somebody's word: it is older than what was applied, or of another history.
    case commitHeld(CommitSummary, reason: String)
    /// A commit is in force from now on.
    case commitAccepted(CommitSummary)
    /// What will be done about a commit, or about drift.
    case planned(commit: String, cause: Cause, plan: PlanOutline)
    /// A step, as it happens.
    case applying(commit: String, ApplyEvent)
    /// The hosts are as the commit says, as far as unattended runs go.
    case converged(commit: String, deferred: [ResourceID], milliseconds: Int)
    /// They are not, and why; it is tried again at that time.
    case notConverged(commit: String, reasons: [String], retry: Date?)
    /// Something differs from what is in force, and is left so: the policy says `drift: report`, or `unattended: off`.
    case driftReported(commit: String, resources: [ResourceID])
    /// Everything was read again, and something had changed without an event.
    case eventsMissed(resources: [ResourceID])
    /// A host no longer tells what happens on it, or does again. Until then everything is read now and then.
    case hostEvents(host: String, reason: String?)
    /// A resource is left alone from now on, or no longer.
    case suspended(ResourceID, Bool)
    /// So many events before this one were not told to this reader, which is slower than they came.
    case untold(count: Int)
    /// It ends.
    case stopped(reason: String)

    /// Why something is done.
    public enum Cause: String, Sendable, Codable {
        /// A commit.
        case commit
        /// Something changed on a host.
        case drift
        /// It failed before.
        case retry
        /// Somebody asked for it.
        case request
    }

    /// The commit that it is about, by id.
    public var commit: String? {
        switch self {
        case .commitArrived(let commit), .commitRefused(let commit, _), .commitHeld(let commit, _),
            .commitAccepted(let commit):
            commit.id
        case .planned(let commit, _, _), .applying(let commit, _), .converged(let commit, _, _),
            .notConverged(let commit, _, _), .driftReported(let commit, _):
            commit
        case .started, .leading, .standingBy, .repositoryFailed, .repositoryRecovered, .eventsMissed, .hostEvents,
            .suspended, .untold, .stopped:
            nil
        }
    }
}

/// The essence of a plan, for those who only tell of it.
public struct PlanOutline: Hashable, Sendable, Codable {
    /// Counts of resources.
    public var summary: Plan.Summary
    /// The plan as text, as `infra plan` writes it.
    public var text: String
    /// Resources whose change is beyond what is allowed.
    public var deferred: [ResourceID]
    /// How long it took to make; nil where it was made together with something else.
    public var took: Took?

    /// How long a plan took to make, in milliseconds.
    public struct Took: Hashable, Sendable, Codable {
        /// Reading the hosts.
        public var observing: Int
        /// Comparing what is there with what is wanted.
        public var planning: Int
    }

    /// The essence of a plan.
    public init(_ plan: Plan, took: Took? = nil) {
        self.took = took
        summary = plan.summary
        text = PlanText().render(plan)
        deferred = ResourceSteps.grouping(plan.deferred).map(\.resource)
    }
}

/// Where events go. What takes them does not hold up the watcher for long.
public protocol WatchEventSink: Sendable {
    /// Takes an event, in the order in which they happen.
    func take(_ event: WatchEvent, at time: Date) async
}
