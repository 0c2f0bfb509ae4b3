import Model

/// What the fleet's snapshots are of, as the manifests say now.
struct SnapshotSubjects {
    private let snapshots: [String: Snapshot.Spec]
    /// The machines that have a volume as a disk.
    private let users: [String: Set<String>]

    init(_ manifest: FleetManifest) {
        snapshots = manifest.snapshots.reduce(into: [:]) { $0[$1.metadata.identity] = $1.spec }
        let machines = snapshots.values.contains { $0.machine != nil } ? manifest.machines : []
        users = machines.reduce(into: [:]) { users, machine in
            for volume in machine.volumes { users[volume, default: []].insert(machine.metadata.identity) }
        }
    }

    /// Whether one of these volumes, as marks name them, is what a snapshot is of now. A machine may have had other disks then: of
    /// it is also what nobody else has. Yes where nothing is known.
    func has(_ snapshot: String, anyOf origins: [String]) -> Bool {
        guard let spec = snapshots[snapshot], !origins.isEmpty else { return true }
        let volumes = origins.compactMap { ResourceID($0) }.filter { $0.kind == .volume }.map(\.id)
        guard let machine = spec.machine else { return volumes.contains { $0 == spec.volume } }
        return volumes.contains { volume in
            if volume.hasPrefix("\(machine).") || users[volume]?.contains(machine) == true { return true }
            return users[volume] == nil && !volume.contains(".")
        }
    }
}
