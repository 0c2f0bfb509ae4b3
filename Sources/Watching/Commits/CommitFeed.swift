import GitRepository
import Model
import Synchronization

/// Looks at the branch, and reads each new commit once. What it reads does not depend on any host.
actor CommitFeed {
    /// What a look brought.
    enum News: Sendable {
        /// The branch stands where it stood.
        case nothing
        /// A commit that can be judged against the hosts. Of one that is not the head, the head was refused.
        case valid(Revision)
        /// A commit that is not done.
        case refused(CommitSummary, [Diagnostic])
    }

    private let reader: CommitReader
    private var judged: GitCommitID?
    private var wasRefused = false

    init(_ reader: CommitReader) { self.reader = reader }

    /// Looks for a new commit; one that was read before is not read again.
    func look() async throws(GitError) -> News {
        guard let head = try await reader.repository.remoteHead() else {
            throw .notFound("there is no branch \(reader.repository.branch)")
        }
        guard head != judged else { return .nothing }
        let fetched = try await reader.repository.fetch()
        let reading = try await reader.read(fetched)
        judged = fetched
        switch reading {
        case .valid(let revision):
            wasRefused = false
            return .valid(revision)
        case .refused(let commit, let reasons):
            wasRefused = true
            return .refused(commit, reasons)
        }
    }

    /// Reads the branch's commit once more.
    /// - Parameter afterRefusal: Only if it was refused.
    func lookAgain(afterRefusal: Bool = false) {
        if wasRefused || !afterRefusal { judged = nil }
    }

    /// The newest commit before one that was refused that can be in force: it came between two looks, or before this
    /// watcher began.
    ///
    /// - Parameter inForce: Where the way back ends; nil before anything is in force.
    func before(_ refused: CommitSummary, after inForce: GitCommitID?) async throws(GitError) -> Revision? {
        guard let id = GitCommitID(refused.id) else { return nil }
        for earlier in try await reader.steps(back: id, to: inForce) {
            if case .valid(let revision) = try await reader.read(earlier) { return revision }
        }
        return nil
    }
}
