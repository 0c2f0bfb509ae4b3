import ArgumentParser
import Foundation
import GitRepository
import Model
import Planning

/// `infra rollback`: how to go back, and what that would do.
struct RollbackCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollback", abstract: "Show the revert that would go back to a commit, and its plan.",
        discussion: """
            It changes nothing: going back is a commit like every other, so that a watcher, people and history see it. \
            Data that is gone does not come back. The plan is told by git alone: it takes the commit to go back to, then \
            HEAD, as done, whole, so disks that were kept meanwhile have to be taken up again (`reuse: true`).

            Exit codes: 0, 1 the way back has problems or is blocked, 2 could not run.
            """)

    @OptionGroup var fleet: FleetOptions

    @Option(help: ArgumentHelp("The commit to go back to.", valueName: "revision"))
    var to = "HEAD~1"

    @Option(
        help: ArgumentHelp(
            "The most disturbing class that is allowed: none, live, restart, stop or data-loss.", valueName: "class"))
    var allow = Disruption.live

    func run() async throws {
        let way = try await RevisionPlan(fleet, from: "HEAD", to: to, options: PlanOptions(allowance: allow))
        let commits: [GitCommit]
        do throws(GitError) {
            commits = try await way.repository.history(from: way.from.id, until: way.to.id, limit: 1000)
        } catch {
            throw told("repository", "\(error)")
        }
        guard !commits.isEmpty else {
            Console.output("HEAD is \(way.to.id.short): there is nothing to go back from.\n")
            return
        }
        // What is no ancestor is no state that HEAD came from: nothing to revert leads there.
        let isAncestor = way.relation == .ancestor
        var lines = [
            isAncestor
                ? "To go back to \(way.to.id.short) (\(way.to.summary)), past:"
                : "\(way.to.id.short) (\(way.to.summary)) is no ancestor of HEAD: its manifests would take the place of HEAD's, "
                    + "leaving out:"
        ]
        lines += commits.prefix(20).map { "  \($0.id.short) \($0.summary)" }
        if commits.count > 20 { lines.append("  … and \(commits.count - 20) more") }
        lines.append("")
        if !isAncestor || commits.contains(where: { $0.parents.count > 1 }) {
            lines.append("    git restore --source=\(way.to.id) --staged --worktree -- :/")
            lines.append("    git commit -m 'Go back to \(way.to.id.short)'")
        } else {
            lines.append("    git revert --no-edit \(way.to.id.short)..HEAD")
        }
        lines += ["    git push", "", "What that would do, if the hosts are as HEAD says:", ""]
        Console.output(lines.map { TerminalText.safe($0) + "\n" }.joined())
        Console.output(PlanText(isColoured: Console.isAnimated).render(way.plan))
        guard way.plan.problems.isEmpty, way.plan.blocked.isEmpty else { throw ExitCode(Exit.failed) }
    }
}
