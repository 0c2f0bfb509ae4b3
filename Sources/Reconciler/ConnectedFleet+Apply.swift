import Drivers
import Hosts
import Model
public import Planning

/// An apply that did not begin.
public enum ApplyRefusal: Error, Sendable {
    /// Another controller holds a host's lock; the text is what it says of itself.
    case locked(String)
    /// The hosts are not as they were when the plan was approved.
    case changed(String)
    /// A host did not answer.
    case host(String)

    /// Why, in words.
    public var reason: String {
        if case .locked = self { "another controller is at work: \(obstacle)" } else { obstacle }
    }

    /// Who or what is in the way, without saying of what.
    public var obstacle: String {
        switch self {
        case .locked(let what), .changed(let what), .host(let what): what
        }
    }
}

extension ConnectedFleet {
    /// Does what a plan says, observes again and plans again: an apply is done when that plan is empty.
    ///
    /// - Parameters:
    ///   - approved: The plan that was approved. With nil whatever is found under the lock is done, once `show` was
    ///     called with it.
    ///   - basis: What the approved plan was made from, if it is to be done only while all of that holds. Without it a
    ///     part that somebody else did meanwhile is no surprise.
    ///   - commit: The commit that the manifests are, when a watcher applies one, and what the hosts remembered when it
    ///     was judged. Remembered by the hosts before the first step.
    ///   - lockTimeout: How long to wait for another controller.
    ///   - show: Called with the plan that is about to be done.
    ///   - stopReason: Asked before each step: a reason to start no more.
    ///   - holdReason: Asked before each step: a reason not to begin this one.
    ///   - report: Told what happens.
    /// - Returns: The plan that was done and how it ended. A plan with problems is not begun.
    public func apply(
        _ approved: Plan?, basis: PlanBasis? = nil, options: PlanOptions,
        commit: (mark: CommitMark, after: FleetMemory)? = nil, lockTimeout: Duration,
        show: @Sendable (Plan) -> Void, stopReason: @escaping @Sendable () -> String?,
        holdReason: @escaping @Sendable (Step) -> String? = { _ in nil },
        report: @escaping @Sendable (ApplyEvent) -> Void
    ) async throws(ApplyRefusal) -> (plan: Plan, report: ApplyReport) {
        do throws(HostError) {
            return try await locked(timeout: lockTimeout) { held throws(HostError) in
                let first = try await pass(
                    approved, basis, options, commit?.mark, after: commit?.after, held, show, stopReason, holdReason,
                    report)
                // What lies in a pool that was not started is seen only now. Who approved a plan has not seen it yet.
                guard approved == nil, first.plan.startsPools, first.report.isComplete,
                    first.report.remaining?.steps.isEmpty == false, stopReason() == nil
                else { return first }
                var second = try await pass(
                    nil, nil, options, commit?.mark, after: nil, held, show, stopReason, holdReason, report)
                second.plan.steps = first.plan.steps + second.plan.steps
                second.report.done = first.report.done + second.report.done
                return second
            }
        } catch {
            switch error {
            case .locked(let holder): throw .locked(holder)
            case .surprise(let what): throw .changed(what)
            default: throw .host("\(error)")
            }
        }
    }

    /// Observes, plans, does that and verifies it, once.
    private func pass(
        _ approved: Plan?, _ basis: PlanBasis?, _ options: PlanOptions, _ mark: CommitMark?, after memory: FleetMemory?,
        _ held: HeldLocks, _ show: @Sendable (Plan) -> Void, _ stopReason: @escaping @Sendable () -> String?,
        _ holdReason: @escaping @Sendable (Step) -> String?, _ report: @escaping @Sendable (ApplyEvent) -> Void
    ) async throws(HostError) -> (plan: Plan, report: ApplyReport) {
        let observed = await observe(without: held.lost)
        await settleMemory(observed, held)
        let plan = Planner.plan(manifest, observed: observed, options: options)
        if let approved, let basis { try check(basis, of: approved, observed) }
        if let approved { try Self.check(plan, against: approved) } else { show(plan) }
        if let memory { try await check(memory) }
        guard plan.problems.isEmpty, !plan.steps.isEmpty else {
            var nothing = ApplyReport()
            nothing.remaining = plan
            if plan.problems.isEmpty { try await finish(plan, observed, options, mark, held) }
            return (plan, nothing)
        }
        if let mark { try await remember(mark, on: observed, held) }
        try await expect(plan, observed, held)
        let result = await run(plan, held, stopReason: stopReason, holdReason: holdReason, report: report)
        return (plan, try await verify(result, options, held, mark, report))
    }

    /// What is about to be done must be part of what was approved: somebody else may have done some of it meanwhile.
    private static func check(_ plan: Plan, against approved: Plan) throws(HostError) {
        let known = approved.steps.reduce(into: [:]) { $0[$1.id] = $1 }
        if let step = plan.steps.first(where: { known[$0.id]?.isTheSame(as: $0) != true }) {
            throw .surprise("the hosts changed since the plan was made: \(step.id) is new or different; plan again")
        }
    }

    /// What steps and placement read must be as it was.
    private func check(
        _ basis: PlanBasis, of approved: Plan, _ observed: [String: HostInventory]
    ) throws(HostError) {
        let changes = basis.changes(to: PlanBasis(approved, manifest, observed: observed))
        guard !changes.isEmpty else { return }
        throw .surprise(
            "the hosts changed since the plan was made: " + changes.prefix(10).joined(separator: "; ")
                + (changes.count > 10 ? "; and \(changes.count - 10) more" : "") + "; plan again")
    }

    private func run(
        _ plan: Plan, _ held: HeldLocks, stopReason: @escaping @Sendable () -> String?,
        holdReason: @escaping @Sendable (Step) -> String?, report: @escaping @Sendable (ApplyEvent) -> Void
    ) async -> ApplyReport {
        let performers = sessions.mapValues { session in
            StepPerformer(
                session: session, sessions: sessions, manifest: manifest, files: files, secrets: secrets,
                deadline: settings.stepDeadline, grace: settings.grace, isHeld: { held.isHeld(session.id) })
        }
        let applier = Applier(
            parallelism: settings.parallelism,
            stopReason: {
                if let reason = stopReason() { return reason }
                return held.isAnyHeld ? nil : "the host's lock no longer answers"
            }, holdReason: holdReason, report: report,
            perform: { step throws(HostError) in
                guard let performer = performers[step.host] else { throw .unreachable("host \(step.host)") }
                for host in step.hosts where !held.isHeld(host) {
                    throw .unreachable("host \(host): its lock no longer answers, so nothing is begun there")
                }
                try await performer.perform(step) { progress in
                    let percent = progress.total == 0 ? 0 : Int(progress.done * 100 / progress.total)
                    report(
                        .stepProgress(
                            step: step.id, resource: step.resource, bytes: progress.done, total: progress.total,
                            percent: percent))
                }
            })
        return await applier.run(plan.steps)
    }

    private func verify(
        _ result: ApplyReport, _ options: PlanOptions, _ held: HeldLocks, _ mark: CommitMark?,
        _ report: @Sendable (ApplyEvent) -> Void
    ) async throws(HostError) -> ApplyReport {
        var result = result
        let observed = await observe(without: held.lost)
        let remaining = Planner.plan(manifest, observed: observed, options: options.afterwards)
        report(.verified(remaining: remaining.steps.map(\.id), deferred: remaining.deferred.map(\.id)))
        result.remaining = remaining
        try await finish(remaining, observed, options, mark, held)
        return result
    }

    /// Another watcher may have been there since the commit was judged.
    private func check(_ memory: FleetMemory) async throws(HostError) {
        let now = await remembered()
        let answered = sessions.keys.sorted().filter { now.unknown[$0] == nil && memory.unknown[$0] == nil }
        if let host = answered.first(where: { now.marks[$0]?.commit != memory.marks[$0]?.commit }) {
            let commit = now.marks[host]?.commit ?? "none"
            throw .surprise("another watcher was there meanwhile: the last commit on host \(host) is \(commit)")
        }
    }

    /// On every host that answers and whose lock is still ours: another controller's mark may be newer.
    private func remember(
        _ mark: CommitMark, on observed: [String: HostInventory], _ held: HeldLocks
    ) async throws(HostError) {
        for session in sessions.values where observed[session.id]?.isUnknown == false && held.isHeld(session.id) {
            try await Roster.change(
                session, identity, settings.observationDeadline, fleet: manifest.fleet.metadata.name
            ) { $0.commit = mark }
        }
    }

    /// Notes on every host where machines are made or go, before they are: should the run be cut off and that host fall
    /// silent, they are made nowhere else. A fleet of one host has nobody else to remember it.
    private func expect(
        _ plan: Plan, _ observed: [String: HostInventory], _ held: HeldLocks
    ) async throws(HostError) {
        guard manifest.hosts.count > 1 else { return }
        var coming: [String: Set<String>] = [:]
        var volumes: [String: Set<String>] = [:]
        let shared = Set(manifest.pools.filter(\.spec.shared).map(\.metadata.identity))
        for step in plan.steps {
            switch step.operation {
            case .migrateMachine(let machine, _), .relocateMachine(let machine, _), .defineMachine(let machine):
                coming[step.host, default: []].insert(machine.metadata.identity)
            case .createVolume(let volume) where !shared.contains(volume.spec.pool):
                volumes[step.host, default: []].insert(volume.metadata.identity)
            default: break
            }
        }
        let hosts = Set(coming.keys).union(volumes.keys)
        guard !hosts.isEmpty else { return }
        for session in sessions.values where held.isHeld(session.id) {
            try await Roster.change(
                session, identity, settings.observationDeadline, fleet: manifest.fleet.metadata.name
            ) { roster in
                for host in hosts {
                    guard let status = observed[host]?.host.status else { continue }
                    var entry =
                        roster.hosts[host]
                        ?? Roster.Entry(uuid: status.uuid, underlay: observed[host]?.host.spec.underlay?.address)
                    let present = observed[host]?.machines.map(\.metadata.identity) ?? []
                    entry.machines = (coming[host] ?? []).union(entry.machines ?? []).union(present).sorted()
                    let own = observed[host].map(manifest.ownVolumes) ?? []
                    entry.volumes = (volumes[host] ?? []).union(entry.volumes ?? []).union(own).sorted()
                    roster.hosts[host] = entry
                }
            }
        }
    }

    /// Leaves on each host what the next run has to know, or nothing when the fleet is gone.
    private func finish(
        _ plan: Plan, _ observed: [String: HostInventory], _ options: PlanOptions, _ mark: CommitMark?,
        _ held: HeldLocks
    ) async throws(HostError) {
        var mark = mark
        mark?.isApplied = plan.steps.isEmpty && plan.problems.isEmpty && options.targets.isEmpty
        if let mark { try await remember(mark, on: observed, held) }
        let offline = Set(
            manifest.hosts.map(\.metadata.identity).filter { id in
                observed[id]?.host.spec.offline == true || observed[id]?.isFenced == true
            })
        let asked = observed.filter { !offline.contains($0.key) }.values
        // A restart that was asked for changes what may start elsewhere, and no part of the manifests is left out.
        guard options.targets.isEmpty || options.request != nil,
            asked.allSatisfy({ $0.unknown.isEmpty && $0.leases?.isUnknown != true })
        else { return }
        let isGone =
            options.destroys && plan.isEmpty && plan.deferred.isEmpty
            && observed.values.allSatisfy { $0.unknown.isEmpty && $0.machines.isEmpty && $0.pools.isEmpty }
        let roster = Roster(manifest, observed, now: .now)
        for session in sessions.values where held.isHeld(session.id) {
            if isGone {
                try await Roster.remove(session, identity, settings.observationDeadline)
            } else {
                try await roster.write(
                    session, identity, settings.observationDeadline, keeping: offline,
                    fenced: Self.fenced(observed), commit: mark)
            }
        }
    }
}
