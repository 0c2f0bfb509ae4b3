import GitRepository

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
        let commits: [GitCommit]
        do throws(GitError) {
            commits = try await repository.history(from: from, until: inForce, limit: Self.reach)
        } catch {
            guard case .notFound = error else { throw error }
            return []
        }
        let parents = commits.reduce(into: [:]) { $0[$1.id] = $1.parents.first }
        var steps: [GitCommitID] = []
        var next = parents[from]
        while let id = next, commits.contains(where: { $0.id == id }), steps.count < Self.depth {
            steps.append(id)
            next = parents[id]
        }
        guard let inForce else { return steps }
        // What was merged the other way round, or forced, leaves the commit in force behind somewhere.
        while let oldest = steps.last, try await repository.relation(of: inForce, to: oldest) != .ancestor {
            steps.removeLast()
        }
        return steps
    }
}
