import GitRepository
import Model
import Planning
import Reconciler

/// What an unattended run of a commit may do, and what the hosts are to remember of it.
struct Mandate: Hashable, Sendable {
    /// What was allowed before the commit.
    let ceiling: Fleet.Policy
    /// What is allowed now: the trust file's limits, narrowed by the commit before and by the commit itself.
    let policy: Fleet.Policy
}

extension CommitReader {
    /// The mandate of a commit. A policy changes from the next commit on, so that no commit widens what is done to it;
    /// what it narrows counts at once. The first commit of a fleet has nothing before it but the trust file.
    ///
    /// - Parameters:
    ///   - marks: The commits that the hosts remember.
    ///   - current: The revision in force, which saves reading it again.
    func mandate(for revision: Revision, marks: [CommitMark], current: Revision?) async throws(GitError) -> Mandate {
        let own = revision.manifest.fleet.policy
        var allowed: Fleet.Policy?
        // Hosts may remember different commits, where one did not answer or a run was cut off. What all of them allow counts.
        for mark in Set(marks) {
            let policy =
                mark.commit == revision.commit.id ? mark.ceiling : try await policy(of: mark, current: current)
            allowed = allowed?.narrowed(by: policy) ?? policy
        }
        let ceiling = allowed ?? current?.manifest.fleet.policy ?? own
        return Mandate(ceiling: ceiling, policy: trust.limits.narrowed(by: ceiling).narrowed(by: own))
    }

    /// The policy of the commit that was applied last; where it cannot be read any more, what was allowed before it.
    private func policy(of mark: CommitMark, current: Revision?) async throws(GitError) -> Fleet.Policy {
        if let current, current.commit.id == mark.commit { return current.manifest.fleet.policy }
        guard let id = GitCommitID(mark.commit) else { return mark.ceiling }
        do throws(GitError) {
            if case .valid(let revision) = try await read(id) { return revision.manifest.fleet.policy }
        } catch {
            guard error.isFaultOfTheCommit else { throw error }
        }
        return mark.ceiling
    }

    /// The commit that the hosts remember, when it can still be read and is of the same fleet.
    func remembered(_ mark: CommitMark, like candidate: Revision) async throws(GitError) -> Revision? {
        guard mark.commit != candidate.commit.id else { return candidate }
        guard let id = GitCommitID(mark.commit) else { return nil }
        do throws(GitError) {
            if case .valid(let revision) = try await read(id),
                revision.manifest.fleet.uuid == candidate.manifest.fleet.uuid
            {
                return revision
            }
        } catch {
            guard error.isFaultOfTheCommit else { throw error }
        }
        return nil
    }

    /// The newest valid commit before one, to see what fleet it was.
    func earlier(than commit: CommitSummary) async throws(GitError) -> Revision? {
        guard let id = GitCommitID(commit.id) else { return nil }
        for earlier in try await repository.history(from: id, limit: 20) where earlier.id != id {
            if case .valid(let revision) = try await read(earlier.id) { return revision }
        }
        return nil
    }
}

extension CommitOrder {
    /// The commit that the others lead to, where hosts remember different ones; the first where there is none.
    func newest(of marks: [CommitMark]) async throws(GitError) -> CommitMark? {
        for mark in marks where Set(marks.map(\.commit)).count > 1 {
            if try await objection(to: mark.commit, after: marks) == nil { return mark }
        }
        return marks.first
    }
}

extension FleetMemory {
    /// What the hosts remember, in the order of their names.
    var ordered: [CommitMark] { marks.sorted { $0.key < $1.key }.map(\.value) }
}
