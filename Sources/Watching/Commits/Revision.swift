public import Manifests
public import Model
public import Reconciler

/// A commit whose manifests are valid and whose signer is trusted.
public struct Revision: Sendable {
    /// The commit.
    public let commit: CommitSummary
    /// The fleet that its tree declares, digests of image files filled in.
    public internal(set) var manifest: FleetManifest
    /// Where everything in it was written.
    public let sources: SourceIndex
    /// The controller's folder of image files.
    public let files: ImageFiles?
    /// Where the values of secrets are.
    public let secrets: SecretSource?

    /// The same with its secrets read anew, since they change without a commit. What cannot be read is no fault of the
    /// commit: it blocks the machines that need it.
    /// - Returns: What is wrong with secrets as well.
    func withSecrets() async -> (revision: Revision, problems: [Diagnostic]) {
        var revision = self
        let (filled, problems) = await SecretSource.fill(manifest, from: secrets)
        revision.manifest = filled
        return (revision, problems.map { $0.placed(in: sources) })
    }
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
