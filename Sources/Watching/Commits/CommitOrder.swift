import GitRepository
import Model
import Reconciler

/// Whether a commit comes after what the hosts remember. One that does not is held: somebody may be replaying an old
/// state, or have rewritten the branch by mistake.
struct CommitOrder: Sendable {
    let repository: GitRepository

    /// Why a commit is held; nil when it is not.
    ///
    /// - Parameters:
    ///   - commit: Its id.
    ///   - marks: The commits that the hosts remember.
    func objection(to commit: String, after marks: [CommitMark]) async throws(GitError) -> String? {
        guard let candidate = GitCommitID(commit) else { return "its id cannot be read" }
        for mark in Set(marks.map(\.commit)).sorted() where mark != commit {
            guard let last = GitCommitID(mark) else { return "the hosts remember \(mark), which is no commit id" }
            switch try await relation(of: last, to: candidate) {
            case .same, .ancestor: continue
            case .descendant: return "it is older than \(mark.prefix(10)), which was applied"
            case .diverged:
                return "the branch was rewritten: it does not contain \(mark.prefix(10)), which was applied"
            case .unrelated, nil: return "it has no history in common with \(mark.prefix(10)), which was applied"
            }
        }
        return nil
    }

    /// Nil when the repository does not have the older one at all.
    private func relation(of last: GitCommitID, to candidate: GitCommitID) async throws(GitError) -> GitRelation? {
        do throws(GitError) {
            return try await repository.relation(of: last, to: candidate)
        } catch {
            if case .notFound = error { return nil }
            throw error
        }
    }
}
