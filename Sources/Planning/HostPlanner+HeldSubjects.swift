import Model

/// What waits for snapshots that cannot be taken.
extension HostPlanner {
    /// Whether what a snapshot is of is to be on this host.
    func isHere(_ snapshot: Snapshot) -> Bool {
        let wanted = expectation.inventory
        return wanted.machines.contains { $0.metadata.identity == snapshot.spec.machine }
            || wanted.volumes.contains { $0.metadata.identity == snapshot.spec.volume }
    }

    /// What is left as it is since a snapshot of it is due that is taken once, and cannot be taken now: a volume that would be deleted,
    /// and the machine that has it as a disk. All else goes on, since the reason may last. A machine that moves here, or one whose
    /// snapshot may be on a host that nobody can look at, does not wait.
    var heldSubjects: [ResourceID: String] {
        var held: [ResourceID: String] = [:]
        for snapshot in expectation.snapshots.declared where snapshot.spec.schedule == nil && isHere(snapshot) {
            let resource = ResourceID(.snapshot, snapshot.metadata.identity)
            guard expectation.snapshots.isDue(snapshot), expectation.snapshots.doubt(about: snapshot) == nil,
                let reason = reasonForBlocking(resource)
            else { continue }
            let subjects = subjects(of: snapshot)
            let going = observed.volumes.filter(isDeleted)
            for subject in subjects where !isBlocked(subject) && isLost(subject, going) {
                held[subject] = "waits for \(resource), which is blocked: \(reason)"
            }
        }
        return held
    }

    /// Whether a volume is deleted once a run may lose data.
    private func isDeleted(_ volume: Volume) -> Bool {
        volume.status?.staged == false && volume.status?.mark?.deletion == .delete
            && !expectation.inventory.volumes.contains { $0.metadata.identity == volume.metadata.identity }
    }

    /// Whether a volume is one of those that are deleted, or a machine has one of them as a disk.
    private func isLost(_ subject: ResourceID, _ going: [Volume]) -> Bool {
        if subject.kind == .volume { return going.contains { $0.metadata.identity == subject.id } }
        return observed.machines.contains { machine in
            machine.metadata.identity == subject.id
                && going.contains { machine.allPaths.contains($0.status?.path ?? "") }
        }
    }

    /// The machine and the volumes that a snapshot is of, as they are and as they are to be, and who has one of them as a disk.
    private func subjects(of snapshot: Snapshot) -> Set<ResourceID> {
        let machines = (observed.machines + expectation.inventory.machines).filter { machine in
            let id = machine.metadata.identity
            return id == snapshot.spec.machine || snapshot.spec.volume.map(machine.volumes.contains) == true
        }
        let arriving = machines.contains { transit.arriving[$0.metadata.identity] != nil }
        let volumes =
            snapshot.spec.machine == nil ? [snapshot.spec.volume].compactMap(\.self) : machines.flatMap(\.volumes)
        return arriving
            ? []
            : Set(
                machines.map { ResourceID(.virtualMachine, $0.metadata.identity) }
                    + volumes.map { ResourceID(.volume, $0) })
    }
}
