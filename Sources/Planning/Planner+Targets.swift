import Model

extension Planner {
    /// The targets and what they refer to.
    static func targets(
        _ manifest: FleetManifest, _ steps: [Step], _ options: PlanOptions
    ) -> Set<ResourceID> {
        var kept = options.targets
        for snapshot in manifest.snapshots where kept.contains(ResourceID(.snapshot, snapshot.metadata.identity)) {
            // It is taken of what is there.
            kept.formUnion(snapshot.spec.references.filter { $0.kind == .storagePool })
            kept.formUnion(steps.filter { $0.isPart(of: snapshot.metadata.identity) }.map(\.resource))
        }
        for machine in manifest.machines where kept.contains(ResourceID(.virtualMachine, machine.metadata.identity)) {
            kept.formUnion(machine.references)
            kept.formUnion(machine.spec.disks.map { ResourceID(.volume, "\(machine.metadata.identity).\($0.name)") })
        }
        for volume in manifest.volumes where kept.contains(ResourceID(.volume, volume.metadata.identity)) {
            kept.formUnion(volume.spec.references)
        }
        return kept
    }

    /// Leaves out what says which copy of a disk counts, or removes one, where a step that it waits for was left out: half of
    /// a move would let an empty copy count.
    static func withoutHalves(_ steps: [Step], of whole: [Step]) -> [Step] {
        var steps = steps
        var missing = Set(whole.map(\.id)).subtracting(steps.map(\.id))
        while true {
            let halves = steps.filter { step in
                switch step.operation {
                case .markVolume, .removeCopy, .removeReplaced, .dropMachine, .migrateMachine, .relocateMachine:
                    step.after.contains(where: missing.contains)
                case .createVolume(let volume):
                    volume.status?.mark?.copy?.isOfPool == true && step.after.contains(where: missing.contains)
                case .copyWithin, .moveDisk, .takeSnapshot, .rotatePart: step.after.contains(where: missing.contains)
                default: false
                }
            }
            if halves.isEmpty { return steps }
            missing.formUnion(halves.map(\.id))
            steps.removeAll { missing.contains($0.id) }
        }
    }
}
