public import Manifests
public import Model
public import Reconciler

/// A commit whose manifests are valid and whose signer is trusted.
public struct Revision: Sendable {
    /// The commit.
    public let commit: CommitSummary
    /// The fleet that its tree declares, digests of image files filled in.
    public let manifest: FleetManifest
    /// Where everything in it was written.
    public let sources: SourceIndex
    /// The controller's folder of image files.
    public let files: ImageFiles?
}

/// What came of reading a commit.
public enum CommitReading: Sendable {
    /// It can be judged against the hosts.
    case valid(Revision)
    /// It cannot be a fleet, or nobody who is trusted signed it. No host changes that.
    case refused(CommitSummary, [Diagnostic])

    /// The commit.
    public var commit: CommitSummary {
        switch self {
        case .valid(let revision): revision.commit
        case .refused(let commit, _): commit
        }
    }
}
