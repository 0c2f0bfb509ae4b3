public import Model

/// What may be asked of a running watcher over its socket. One JSON object a line.
public enum ControlRequest: Sendable, Codable {
    /// Look at everything now, and tell what happens until it is done.
    case reconcile(acknowledge: String?)
    /// Look at the branch now, and tell what happens until that commit is done or not.
    case follow(commit: String)
    /// What would be done about this commit, which may not be in the repository yet.
    case preview(CommitSummary, files: [Manifest])
    /// Leave a resource alone from now on, or no longer.
    case suspend(ResourceID, Bool)

    /// A manifest file, relative to the folder of the manifests.
    public struct Manifest: Sendable, Codable {
        /// Its path.
        public var path: String
        /// What it holds.
        public var text: String

        /// A manifest file.
        public init(path: String, text: String) {
            self.path = path
            self.text = text
        }
    }
}

/// What a watcher answers. Several events, then one of the rest.
public enum ControlReply: Sendable, Codable {
    /// Something happened.
    case event(EventBroadcast.TimedEvent)
    /// What would be done.
    case preview(CommitPreview)
    /// It is done.
    case done
    /// It cannot be done, and why.
    case failed(String)
}

/// What a commit would do.
public struct CommitPreview: Sendable, Codable {
    /// Why it would be refused; nothing when it would not.
    public var reasons: [Diagnostic]
    /// The plan; nil when there is none.
    public var plan: PlanOutline?
    /// Worth knowing: hosts that did not answer, policies that hold it back.
    public var notes: [String]
}
