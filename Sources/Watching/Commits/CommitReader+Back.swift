public import GitRepository
public import Model

extension CommitReader {
    /// How many commits are looked at on the way back.
    private static let depth = 100
    /// How many are read to find them, with those of merged branches.
    private static let reach = 2000

    /// The commits that the branch stood on before this one, the newest first: its first parents (git-log(1),
    /// `--first-parent`). They end before the commit in force; one that does not contain that is none of them.
    ///
    /// - Throws: `GitError` when the repository fails. That it no longer has the commit in force is not such a failure.
    func steps(back from: GitCommitID, to inForce: GitCommitID?) async throws(GitError) -> [GitCommitID] {
        var steps: [GitCommitID]
        do throws(GitError) {
            steps = try await firstParents(of: from, after: inForce)
        } catch {
            guard case .notFound = error else { throw error }
            return []
        }
        guard let inForce else { return steps }
        // What was merged the other way round, or forced, leaves the commit in force behind somewhere.
        while let oldest = steps.last, try await repository.relation(of: inForce, to: oldest) != .ancestor {
            steps.removeLast()
        }
        return steps
    }

    /// The commits that the branch would also have stood on with one that is pushed, and that nobody who is trusted signed,
    /// the newest first. What was merged is vouched for by who signed the merge. A watcher looks back no further, and does
    /// none of these whatever becomes of the push.
    ///
    /// - Parameter old: Where the branch stood before.
    /// - Throws: `GitError` when the repository fails.
    public func unsigned(below pushed: GitCommitID, after old: GitCommitID) async throws(GitError) -> [Diagnostic] {
        guard !trust.signers.isEmpty else { return [] }
        let signers = trust.signers.map(GitSigner.init)
        var found: [Diagnostic] = []
        for id in try await firstParents(of: pushed, after: old)
        where try await repository.signer(of: id, among: signers) == nil {
            found.append(unsigned(id.text))
        }
        return found
    }

    /// What is said of a commit without a good signature.
    func unsigned(_ commit: String) -> Diagnostic {
        Diagnostic(
            code: "unsigned", "no good signature of a trusted signer on commit \(commit.prefix(10))",
            help: "sign it (`git commit -S`) with a key that the trust file names: "
                + trust.signers.map(\.name).joined(separator: ", "))
    }

    /// First parents, without the commit itself, as long as they are not contained in the other one.
    private func firstParents(
        of commit: GitCommitID, after old: GitCommitID?
    ) async throws(GitError) -> [GitCommitID] {
        let commits = try await repository.history(from: commit, until: old, limit: Self.reach)
        let parents = commits.reduce(into: [:]) { $0[$1.id] = $1.parents.first }
        let known = Set(commits.map(\.id))
        var found: [GitCommitID] = []
        var next = parents[commit]
        while let id = next, known.contains(id), found.count < Self.depth {
            found.append(id)
            next = parents[id]
        }
        return found
    }
}
