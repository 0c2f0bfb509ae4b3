import Manifests
import Model
import Planning
import Reconciler

/// What a commit would do to the hosts, and what speaks against it.
struct Judgement: Sendable {
    /// The plan of an unattended run; nil when the policy allows none at all.
    let plan: Plan?
    /// Why the commit is refused whole; nothing when it is not.
    var objections: [Diagnostic]
    /// When it was made.
    let now: Moment
    /// How long the plan took to make.
    let took: PlanOutline.Took

    /// Judges a commit.
    /// - Parameter standing: What is in force now. What is wrong with that already is no fault of the commit.
    static func of(
        _ candidate: Revision, over fleet: ConnectedFleet, memory: FleetMemory, mandate: Mandate,
        standing: FleetManifest?
    ) async -> Judgement {
        var objections: [Diagnostic] = []
        if let standing, let objection = objection(to: candidate, after: standing) { objections.append(objection) }
        let held = memory.suspended.reduce(into: [:]) { $0[$1] = Self.suspended }
        let clock = ContinuousClock()
        let start = clock.now
        let observed = await fleet.observe()
        let seen = clock.now
        let now = Moment.now
        let options = Unattended.options(mandate.policy, heldBack: held, now: now)
        let plan = Planner.plan(
            candidate.manifest, observed: observed, options: options ?? PlanOptions(allowance: .none, removal: .never))
        let planned = clock.now
        let before = standing.map { Planner.plan($0, observed: observed, options: options ?? PlanOptions()) }
        objections += Unattended.objections(to: plan, standing: before, policy: mandate.policy)
        return Judgement(
            plan: options == nil ? nil : plan, objections: objections.map { $0.placed(in: candidate.sources) },
            now: now,
            took: PlanOutline.Took(
                observing: Int((seen - start) / .milliseconds(1)), planning: Int((planned - seen) / .milliseconds(1))))
    }

    /// The identity of everything hangs on the fleet's id.
    static func objection(to candidate: Revision, after standing: FleetManifest) -> Diagnostic? {
        guard standing.fleet.uuid != candidate.manifest.fleet.uuid else { return nil }
        return Diagnostic(
            code: "fleet-id", "the fleet's id changed: everything there would belong to nobody",
            help: "put metadata.id back to \(standing.fleet.metadata.identity)",
            resource: ResourceID(.fleet, candidate.manifest.fleet.metadata.identity), field: "metadata.id"
        ).placed(in: candidate.sources)
    }

    /// Why a suspended resource is left alone.
    static let suspended = "suspended by `infra suspend`"
}
