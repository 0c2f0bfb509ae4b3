import Model

/// What snapshots keep no more.
extension HostPlanner {
    /// How many go at most when one is taken anew: a `keep` that became less, by mistake perhaps, takes effect slowly.
    private static let step = 2

    /// Removes what is beyond those that snapshots keep. The manifest's `keep` is one word for that; the second is a run that allows
    /// data to be lost, or the fleet's policy, and then only when another one was taken in the same run.
    mutating func planRotation() {
        for snapshot in expectation.snapshots.declared {
            let resource = ResourceID(.snapshot, snapshot.metadata.identity)
            let taking = steps.first { $0.id == id(resource, "take") }
            let surplus = expectation.snapshots.surplus(of: snapshot, isTaken: taking != nil)
            let here = surplus.filter { $0.host == host }
            guard !here.isEmpty else { continue }
            let isAsked = options.allowance == .dataLoss
            let isRotated = options.rotatesSnapshots && taking != nil
            guard isAsked || isRotated else {
                // Between two takings, the policy has nothing to do.
                let count = here.filter(\.isWhole).count
                if count > (options.rotatesSnapshots ? Self.step : 0) { noteSurplus(count, snapshot, resource) }
                continue
            }
            let newest = expectation.snapshots.last(of: snapshot.metadata.identity)
            let others = newest?.host == host ? newest?.parts.map(\.volume.withoutCounters) ?? [] : []
            let kept = taking.flatMap(\.kept) ?? others
            for generation in isAsked ? here[...] : here.prefix(Self.step) {
                plan(generation, beyond: snapshot, keeping: kept, after: taking.map { [$0.id] } ?? [], isAsked: isAsked)
            }
        }
    }

    private mutating func plan(
        _ generation: Snapshots.Generation, beyond snapshot: Snapshot, keeping kept: [Volume], after: [String],
        isAsked: Bool
    ) {
        for part in generation.parts {
            let resource = ResourceID(.volume, part.volume.metadata.identity)
            if isHeld(resource, area: .storage) { continue }
            var volume = part.volume.withoutCounters
            volume.status?.mark?.retained = false
            add(
                resource, .delete, .rotatePart(volume, keeping: kept), isAsked ? .dataLoss : .none,
                reason: "Snapshot/\(snapshot.metadata.identity) keeps \(snapshot.spec.keep)"
                    + (isAsked ? "" : "; the policy lets the oldest go once the new one is taken"),
                after: after + [id(resource, "mark")] + (clones[resource] ?? []))
        }
    }

    private mutating func noteSurplus(_ count: Int, _ snapshot: Snapshot, _ resource: ResourceID) {
        note(
            "snapshot-surplus", "has \(count) more than the \(snapshot.spec.keep) that it keeps", resource,
            help: options.rotatesSnapshots
                ? "each time that it is taken \(Self.step) of them go; `--allow data-loss` removes all"
                : "`policy.rotateSnapshots: true` at the Fleet lets the oldest go when it is taken anew, `--allow data-loss` now"
        )
    }
}

extension Step {
    /// The volumes that a snapshot is taken into.
    fileprivate var kept: [Volume]? {
        if case .takeSnapshot(let disks, _) = operation { disks.map(\.volume) } else { nil }
    }
}
