import GitRepository
import Manifests
import Model
import Planning
import Reconciler
import Synchronization

extension Watcher {
    /// What is known of a commit already, for somebody who asks after the fact.
    func outcome(of commit: String) -> WatchEvent? {
        if current?.commit.id == commit, isConverged {
            return .converged(commit: commit, deferred: [], milliseconds: 0)
        }
        if let verdict, verdict.commit == commit { return verdict.event }
        if let event = unreadable.withLock({ $0 }), event.commit == commit { return event }
        return standingBy
    }

    /// What would be done about a commit that is not in the branch yet.
    func preview(_ commit: CommitSummary, _ files: [ControlRequest.Manifest]) async -> CommitPreview {
        let sources = files.map { SourceFile(path: $0.path, text: $0.text) }
        let revision: Revision
        let problems: [Diagnostic]
        switch await reader.judge(commit, sources) {
        case .refused(_, let reasons): return CommitPreview(reasons: reasons, notes: [])
        case .valid(let valid): (revision, problems) = await valid.withSecrets()
        }
        // Who asks may not be who is trusted: nothing is looked at because only this commit names it.
        let scope = PreviewScope(revision.manifest, trusted: current?.manifest)
        guard scope.strangers.isEmpty else {
            return CommitPreview(reasons: [], notes: ["what it would do is shown once it is in force: \(scope.note)"])
        }
        let fleet = await ConnectedFleet(scope.manifest, files: revision.files, settings: settings.run)
        let memory = await remembered(by: fleet)
        do throws(GitError) {
            let mandate = try await reader.mandate(for: revision, marks: memory.ordered, current: current)
            let judgement = await Judgement.of(
                revision, over: fleet, memory: memory, mandate: mandate, standing: current?.manifest)
            var notes = memory.unknown.sorted { $0.key < $1.key }.map { "host \($0.key) does not answer: \($0.value)" }
            if !scope.leftOut.isEmpty { notes.append("taken as empty: \(scope.note)") }
            notes += problems.map { "the machine waits for its secret: \($0)" }
            if judgement.plan == nil { notes.append("policy.unattended is off: nothing is applied") }
            if !mandate.policy.prune, let plan = judgement.plan, !Unattended.removals(plan).isEmpty {
                notes.append("policy.prune is false: what left the fleet stays until somebody removes it")
            }
            return CommitPreview(
                reasons: judgement.objections, plan: judgement.plan.map { PlanOutline($0) }, notes: notes)
        } catch {
            return CommitPreview(reasons: [], notes: ["the repository cannot be read: \(error)"])
        }
    }

    /// Leaves a resource alone from now on, or no longer. An apply that is at work begins none of its steps any more; once
    /// that has ended, the hosts remember it.
    /// - Returns: Why it cannot be done; nil when it is.
    func suspend(_ resource: ResourceID, _ isSuspended: Bool) async -> String? {
        guard current != nil else { return "no commit is in force yet" }
        suspending.withLock { $0[resource] = isSuspended }
        defer { suspending.withLock { if $0[resource] == isSuspended { $0[resource] = nil } } }
        await untilNothingIsApplied()
        guard let current else { return "no commit is in force yet" }
        let fleet = await ConnectedFleet(current.manifest, files: current.files, settings: settings.run)
        do throws(ApplyRefusal) {
            try await fleet.suspend(resource, isSuspended)
        } catch {
            return error.reason
        }
        events.tell(.suspended(resource, isSuspended))
        signal.wake(.suspension)
        return nil
    }
}
