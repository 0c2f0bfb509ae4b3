public import Model
public import Planning

/// What happens during an apply, told as it happens. One JSON object a line with `--format json`.
public enum ApplyEvent: Sendable, Codable {
    /// The steps about to be done, by id, in order.
    case started(steps: [String])
    /// A step began.
    case stepStarted(step: String, resource: ResourceID, verb: String)
    /// A long step goes on: bytes that were sent, and that are to be sent as far as is known now.
    case stepProgress(step: String, resource: ResourceID, bytes: UInt64, total: UInt64, percent: Int)
    /// A step ended well.
    case stepDone(step: String, resource: ResourceID, milliseconds: Int)
    /// A step failed. With `outcome` unknown it may have happened all the same.
    case stepFailed(step: String, resource: ResourceID, outcome: FailureKind, error: String)
    /// A step was not tried.
    case stepSkipped(step: String, resource: ResourceID, reason: String)
    /// No further step starts.
    case stopping(reason: String)
    /// The hosts were observed again.
    case verified(remaining: [String], deferred: [String])

    /// What is known of a step that did not end well.
    public enum FailureKind: String, Sendable, Codable {
        /// It was refused, or found something unexpected, and did nothing more.
        case failed
        /// It did not answer in time.
        case unknown
    }
}

/// How an apply ended.
public struct ApplyReport: Sendable, Codable {
    /// A step that did not end well, or was not tried.
    public struct Failure: Sendable, Codable {
        /// The step's id.
        public var step: String
        /// Why.
        public var reason: String
    }

    /// Ids of the steps that ended well.
    public var done: [String] = []
    /// Steps that failed.
    public var failed: [Failure] = []
    /// Steps whose outcome is not known.
    public var unknown: [Failure] = []
    /// Steps that were not tried.
    public var notTried: [Failure] = []
    /// The plan after it; nil when the hosts could not be observed again.
    public var remaining: Plan?

    /// Whether every step ended well.
    public var isComplete: Bool { failed.isEmpty && unknown.isEmpty && notTried.isEmpty }
}
