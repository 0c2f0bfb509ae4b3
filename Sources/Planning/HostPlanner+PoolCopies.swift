import Model

/// Copies of volumes that do not count, beside those that do.
extension HostPlanner {
    /// Finishes what moves between pools have left beside volumes that are where they are to be.
    mutating func planPoolCopies() {
        for id in copies.others.keys.sorted() {
            let resource = ResourceID(.volume, id)
            guard poolMoves[resource] == nil, !isHeld(resource, area: .storage),
                let counting = observed.volumes.first(where: {
                    $0.metadata.identity == id && $0.status?.staged != true
                })
            else { continue }
            settle(counting, resource)
        }
    }

    /// Whether a move between pools was cut off after the volume's machine had followed, and before the marks did.
    func isUnsettled(_ volume: String) -> Bool {
        copies.unmarked[volume] != nil || copies.others[volume]?.contains { $0.status?.mark?.copy == nil } == true
    }

    /// Marks what counts and what does not, and removes that.
    mutating func settle(_ counting: Volume, _ resource: ResourceID) {
        if let reason = unknownMachines {
            block(resource, reason)
            return
        }
        var counting = counting.withoutCounters
        counting.status?.mark?.copy = nil
        let others = copies.others[resource.id] ?? []
        let follower = others.compactMap { other in
            observed.machines.first { $0.allPaths.contains(other.status?.path ?? "") }
        }.first { user in !isDefinedAnew(user.metadata.identity) }
        if let follower {
            block(
                resource, "VirtualMachine/\(follower.metadata.identity) has a copy of it as a disk that does not count")
            return
        }
        let user = observed.machines.first { $0.allPaths.contains(counting.status?.path ?? "") }
        for other in others {
            var moved = other.withoutCounters
            if other.status?.mark?.copy == nil {
                moved.status?.mark?.copy = .movedToPool(counting.spec.pool)
                add(
                    resource, .update, .markVolume(moved), reason: "lies in StoragePool/\(counting.spec.pool)",
                    changes: [FieldChange("status.copy", old: nil, new: moved.status?.mark?.copy?.rawValue)])
            }
            let leavers = observed.machines.filter { $0.allPaths.contains(other.status?.path ?? "") }
            let released = leavers.flatMap { releases(of: $0.metadata.identity) }
            planRemoval(
                of: moved, by: counting, user, after: released + [id(resource, "mark-moved"), id(resource, "mark")])
        }
        // One that is where it is to be is marked as the manifests have it.
        guard let copy = copies.unmarked[resource.id], !steps.contains(where: { $0.id == id(resource, "mark") }) else {
            return
        }
        add(
            resource, .update, .markVolume(counting), reason: "all of it is here",
            changes: [FieldChange("status.copy", old: copy.rawValue, new: nil)],
            after: others.contains { $0.status?.mark?.copy == nil } ? [id(resource, "mark-moved")] : [])
    }

    /// A copy that does not count goes. libvirt may be at work on it under the machine that has the one that counts.
    mutating func planRemoval(of other: Volume, by counting: Volume, _ user: VirtualMachine?, after: [String] = []) {
        add(
            ResourceID(.volume, other.metadata.identity), .update,
            .removeReplaced(other.withoutCounters, by: counting.withoutCounters, machine: user?.asTarget),
            reason: "left by a move that was interrupted", after: after + marks(ofPool: other.spec.pool))
    }

    /// Why it is not known which machines there are; nil when it is.
    var unknownMachines: String? {
        observed.unknown.first { $0.area == .compute || $0.area == .host }.map {
            "not every machine on the host could be observed: \($0.reason)"
        }
    }

    private func isDefinedAnew(_ machine: String) -> Bool {
        steps.contains { step in
            switch step.operation {
            case .updateMachine, .undefineMachine: step.resource == ResourceID(.virtualMachine, machine)
            default: false
            }
        }
    }
}
