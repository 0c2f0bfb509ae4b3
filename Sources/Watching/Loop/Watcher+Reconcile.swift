import Foundation
import Model
import Planning
import Reconciler

extension Watcher {
    /// Makes the hosts as a revision says, within its mandate.
    func reconcile(
        _ revision: Revision, _ fleet: ConnectedFleet, _ memory: FleetMemory, _ admitted: Admitted, _ turn: Turn
    ) async {
        let cause = turn.cause
        let policy = admitted.mandate.policy
        let mark = CommitMark(
            commit: revision.commit.id, tree: revision.commit.tree, ceiling: admitted.mandate.ceiling)
        let commit = revision.commit.id
        let start = clock.now
        let suspended = memory.suspended.reduce(into: [:]) { $0[$1] = Judgement.suspended }
        let held = suspended.merging(backoff.waiting(now: start)) { first, _ in first }
        guard var options = Unattended.options(policy, heldBack: held, now: admitted.now ?? .now) else {
            await remember(mark, fleet, memory)
            let plan = await fleet.plan(PlanOptions(allowance: .dataLoss))
            report(drift: plan, commit, isNews: cause != .drift)
            return
        }
        // What failed is tried again, what else differs is only told.
        if cause == .retry, policy.drift == .report { options.targets = turn.due }
        var plan: Plan
        if let made = admitted.plan { plan = made } else { plan = await fleet.plan(options) }
        // A commit beyond the budget is refused; what the hosts bring up later is as little anybody's word.
        if Unattended.removals(plan).count > policy.deletionBudget {
            options.removal = .never
            plan = await fleet.plan(options)
        }
        let known = memory.ordered
        let isMarked =
            !known.isEmpty && memory.unknown.isEmpty && known.allSatisfy { $0.commit == commit && $0.isApplied }
        let drift = plan.steps.filter { !$0.isOfSnapshots }
        if turn.isMissed, !drift.isEmpty {
            events.tell(.eventsMissed(resources: ResourceSteps.grouping(drift).map(\.resource)))
        }
        lookAgain(at: plan.nextSnapshot)
        var isDueOnly = false
        if cause == .drift, isMarked, policy.drift == .report {
            report(drift: plan, commit, isNews: false)
            // What is due did not drift.
            options.targets = Set(
                plan.steps.filter { $0.resource.kind == .snapshot || $0.isExpiry }.map(\.resource))
            guard !options.targets.isEmpty else { return }
            plan = await fleet.plan(options)
            isDueOnly = true
        }
        if plan.steps.isEmpty, isMarked, !plan.endsFence, !fleet.remembersTooMuch(lastSights) {
            conclude(revision, plan, held, start, isNews: cause == .commit || cause == .request)
            settle(revision, options)
            return
        }
        if !plan.steps.isEmpty {
            events.tell(.planned(commit: commit, cause: cause, plan: PlanOutline(plan, took: admitted.took)))
        }
        isConverged = false
        note(applying: true)
        defer { note(applying: false) }
        do throws(ApplyRefusal) {
            let (events, signal) = (events, signal)
            let done = try await fleet.apply(
                plan, options: options, commit: isDueOnly ? nil : (mark, memory), lockTimeout: settings.lockTimeout,
                show: { _ in },
                stopReason: reasonToGoNoFurther(with: commit), holdReason: { self.reasonToHold($0) },
                report: { event in
                    // What hosts tell of our own steps is read at the end anyhow.
                    if case .stepDone = event { signal.forgetHosts() }
                    events.tell(.applying(commit: commit, event))
                })
            settle(done.report, of: plan)
            conclude(revision, done.report.remaining ?? plan, held, start, isNews: true, failures: done.report)
            lookAgain(at: done.report.remaining?.nextSnapshot)
            settle(revision, options)
        } catch {
            refused(error, commit)
        }
    }

    /// Looks at everything again when a snapshot is due, or the time of what was deleted is over.
    private func lookAgain(at moment: Moment?) {
        guard let moment else { return }
        // A second later than it says, since a moment has no fractions.
        nextFull = min(nextFull, clock.now + .seconds(max(0, moment.seconds - Moment.now.seconds) + 1))
    }

    /// Notes what there is now as what later events are compared with.
    private func settle(_ revision: Revision, _ options: PlanOptions) {
        settled =
            isConverged && options.targets.isEmpty
            ? Settled(commit: revision.commit.id, manifest: revision.manifest, options: options) : nil
    }

    /// Asked before each step.
    private func reasonToGoNoFurther(with commit: String) -> @Sendable () -> String? {
        let judged = verdict?.commit
        let place = place
        return { [self] in
            if let reason = reasonToStop { return reason }
            if placeIsLost(place) { return "another watcher may be at work" }
            if let newer = newest.revision?.commit, newer.id != commit, newer.id != judged {
                return "commit \(newer.short) takes over"
            }
            return nil
        }
    }

    private func settle(_ report: ApplyReport, of plan: Plan) {
        let resources = plan.steps.reduce(into: [:]) { $0[$1.id] = $1.resource }
        for step in report.done { resources[step].map { backoff.succeeded($0) } }
        for failure in report.failed + report.unknown {
            guard let resource = resources[failure.step] else { continue }
            backoff.failed(resource, failure.reason, now: clock.now, jitter: .random(in: -1...1))
        }
    }

    /// Whether something is only left alone because somebody said so.
    nonisolated func isSuspended(_ blocked: Blocked, _ held: [ResourceID: String]) -> Bool {
        held[blocked.resource] == Judgement.suspended || blocked.reason == Judgement.suspended
    }

    /// Tells how a turn ended, and says when to look again at what is in the way.
    private func conclude(
        _ revision: Revision, _ remaining: Plan, _ held: [ResourceID: String], _ start: ContinuousClock.Instant,
        isNews: Bool, failures: ApplyReport? = nil
    ) {
        let commit = revision.commit.id
        let blocked = remaining.blocked.filter { !isSuspended($0, held) }
        if remaining.steps.isEmpty, blocked.isEmpty, remaining.problems.isEmpty {
            blockedTurns = 0
            backoff.reset()
            if isNews || !isConverged {
                events.tell(
                    .converged(
                        commit: commit, deferred: ResourceSteps.grouping(remaining.deferred).map(\.resource),
                        milliseconds: Int((clock.now - start) / .milliseconds(1))))
            }
            isConverged = true
            reported = []
            return
        }
        isConverged = false
        if !blocked.isEmpty || !remaining.problems.isEmpty || backoff.next == nil {
            blockedTurns += 1
            nextFull = min(nextFull, clock.now + Backoff.pause(after: blockedTurns, .random(in: -1...1)))
        }
        var reasons = (failures?.failed ?? []).map { "\($0.step): \($0.reason)" }
        reasons += (failures?.unknown ?? []).map { "\($0.step): outcome unknown: \($0.reason)" }
        reasons += blocked.map { "\($0.resource): \($0.reason)" } + remaining.problems.map(\.description)
        if reasons.isEmpty { reasons = (failures?.notTried ?? []).map { "\($0.step): \($0.reason)" } }
        if reasons.isEmpty { reasons = remaining.steps.map { "\($0.id): left to do" } }
        let next = min(nextFull, backoff.next ?? nextFull)
        events.tell(
            .notConverged(
                commit: commit, reasons: reasons,
                retry: Date.now.addingTimeInterval(TimeInterval((next - clock.now) / .milliseconds(1)) / 1000)))
    }

    /// Lets the hosts remember a commit of which nothing is applied, if one of those that answer does not yet.
    private func remember(_ mark: CommitMark, _ fleet: ConnectedFleet, _ memory: FleetMemory) async {
        let marks = memory.ordered
        let answering = fleet.manifest.hosts.count - memory.unknown.count
        guard marks.count < answering || marks.contains(where: { $0.commit != mark.commit }) else { return }
        do throws(ApplyRefusal) {
            try await fleet.remember(mark, settings.lockTimeout)
            blockedTurns = 0
        } catch {
            refused(error, mark.commit)
        }
    }

    private func refused(_ refusal: ApplyRefusal, _ commit: String) {
        let reason = refusal.reason
        blockedTurns += 1
        let pause = Backoff.pause(after: blockedTurns, .random(in: -1...1))
        nextFull = min(nextFull, clock.now + pause)
        events.tell(
            .notConverged(
                commit: commit, reasons: [reason],
                retry: Date.now.addingTimeInterval(TimeInterval(pause / .milliseconds(1)) / 1000)))
    }

    private func report(drift plan: Plan, _ commit: String, isNews: Bool) {
        let resources = ResourceSteps.grouping(plan.steps.filter { !$0.isOfSnapshots }).map(\.resource)
        guard isNews || Set(resources) != reported else { return }
        reported = Set(resources)
        events.tell(.driftReported(commit: commit, resources: resources))
    }
}
