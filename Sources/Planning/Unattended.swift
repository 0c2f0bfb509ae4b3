public import Model

/// What a run may do that nobody looks at: never lose data, remove only where the policy says so and within its budget.
public enum Unattended {
    /// The options of such a run; nil when the policy allows none.
    /// - Parameters:
    ///   - heldBack: Resources that are left alone now, with the reason.
    ///   - now: When the plan is made.
    public static func options(
        _ policy: Fleet.Policy, heldBack: [ResourceID: String] = [:], now: Moment? = nil
    ) -> PlanOptions? {
        guard let allowance = policy.unattended.allowance else { return nil }
        return PlanOptions(
            allowance: allowance, removal: policy.prune ? .keepingData : .never, heldBack: heldBack, now: now,
            rotatesSnapshots: policy.rotateSnapshots)
    }

    /// Why a commit that leads to this plan is refused whole; nothing when it is not.
    ///
    /// - Parameters:
    ///   - plan: The plan of an unattended run for the commit.
    ///   - standing: The plan for what is in force now, over the same observation. What it objects to already is no
    ///     fault of the commit.
    public static func objections(to plan: Plan, standing: Plan?, policy: Fleet.Policy) -> [Diagnostic] {
        let known = Set(standing.map(faults) ?? [])
        var found = faults(plan).filter { !known.contains($0) }
        let removals = removals(plan)
        if policy.prune, removals.count > policy.deletionBudget {
            found.append(
                Diagnostic(
                    code: "deletion-budget",
                    "removes \(removals.count) resources, at most \(policy.deletionBudget) in one unattended run: "
                        + removals.prefix(10).map(\.description).joined(separator: ", ")
                        + (removals.count > 10 ? ", …" : ""),
                    help: "remove them in several commits, raise policy.deletionBudget in a commit before, "
                        + "or run `infra apply --allow stop` by hand"))
        }
        return found
    }

    /// The resources that leave the fleet, images aside: those are stored copies.
    public static func removals(_ plan: Plan) -> [ResourceID] {
        Set((plan.steps + plan.deferred).filter(\.isRemoval).map(\.resource.whole)).filter { $0.kind != .image }
            .filter { resource in
                // A disk goes or stays with the machine that declares it.
                guard resource.kind == .volume, let dot = resource.id.firstIndex(of: ".") else { return true }
                let machine = ResourceID(.virtualMachine, String(resource.id[..<dot]))
                return !(plan.steps + plan.deferred).contains { $0.resource == machine && $0.isRemoval }
            }
            .sorted()
    }

    /// What is wrong with a plan, whoever is at fault.
    private static func faults(_ plan: Plan) -> [Diagnostic] {
        plan.problems + plan.blocked.compactMap(\.problem) + losses(plan).map(\.diagnostic)
    }

    private static func losses(_ plan: Plan) -> [ResourceSteps] {
        ResourceSteps.grouping((plan.steps + plan.deferred).filter { $0.disruption == .dataLoss })
    }
}

extension ResourceID {
    /// What it is counted as: the parts of a snapshot go together.
    fileprivate var whole: ResourceID {
        guard kind == .volume, let part = Snapshot.Part.named(by: id) else { return self }
        return ResourceID(.snapshot, part.snapshot)
    }
}

extension ResourceSteps {
    fileprivate var diagnostic: Diagnostic {
        Diagnostic(
            code: "data-loss",
            "the data of \(resource) on \(host) would be lost (\(steps.map(\.reason).joined(separator: "; ")))",
            help: "an unattended run never does that; run `infra apply --allow data-loss` by hand", resource: resource)
    }
}
