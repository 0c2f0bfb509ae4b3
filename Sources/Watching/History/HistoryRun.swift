public import Foundation

/// One entry of the history: a run, or a word about a commit that led to none.
public struct HistoryRun: Hashable, Sendable, Codable {
    /// How it ended.
    public enum Result: String, Sendable, Codable, CaseIterable {
        /// It is under way.
        case running
        /// The hosts are as the commit says, as far as unattended runs go.
        case converged
        /// They are not.
        case notConverged
        /// The commit was refused.
        case refused
        /// The commit waits for somebody's word.
        case held
        /// Drift was found, and only told.
        case reported
        /// A newer run took its place before it was done.
        case replaced
        /// The watcher ended during it.
        case interrupted
        /// A resource was suspended by somebody.
        case suspended
        /// A resource was taken up again by somebody.
        case resumed
    }

    /// A step of a run.
    public struct Step: Hashable, Sendable, Codable {
        /// How it ended; `running` while it has not.
        public enum Outcome: String, Sendable, Codable {
            /// It began.
            case running
            /// It ended well.
            case done
            /// It was refused, or found something unexpected.
            case failed
            /// It did not answer in time, and may have happened.
            case unknown
            /// It was not tried.
            case skipped
        }

        /// `host/Kind/id/operation`.
        public var id: String
        /// Which resource.
        public var resource: String
        /// What it did, in words.
        public var verb: String
        /// How it ended.
        public var outcome: Outcome
        /// How long it took, when it ended.
        public var milliseconds: Int?
        /// Why it did not end well.
        public var error: String?
    }

    /// Its number; later runs have higher ones.
    public var id: Int64
    /// When it began.
    public var started: Date
    /// When it ended, or when an equal one was last found.
    public var ended: Date?
    /// The commit's id; nil when it is about none.
    public var commit: String?
    /// The commit, when it is known.
    public var summary: CommitSummary?
    /// Why it was begun.
    public var cause: WatchEvent.Cause?
    /// How it ended.
    public var result: Result
    /// Resources that its plan adds, changes and destroys.
    public var add = 0
    /// See `add`.
    public var change = 0
    /// See `add`.
    public var destroy = 0
    /// Why it was refused, held or did not converge.
    public var reasons: [String] = []
    /// Resources whose change is beyond what is allowed.
    public var deferred: [String] = []
    /// How often the same was found, one after the other.
    public var count = 1
    /// Its steps, in the order in which they began.
    public var steps: [Step] = []
}

/// Why a history cannot be read.
public struct HistoryError: Error, Hashable, Sendable, CustomStringConvertible {
    /// One sentence without a full stop.
    public let description: String
}
