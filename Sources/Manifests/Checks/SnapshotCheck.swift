import Model

extension CheckedFleet {
    /// A snapshot is of something that there is.
    static let checkSnapshots: Check = { fleet, report in
        for snapshot in fleet.snapshots.all {
            if let machine = snapshot.spec.machine.flatMap({ fleet.machines[$0] }), machine.spec.disks.isEmpty {
                report.error(
                    snapshot.resourceID, "spec.machine", "snapshot-of-nothing", "the machine has no disk",
                    help: "name a machine with disks")
            }
            guard let name = snapshot.spec.volume, let dot = name.firstIndex(of: "."),
                let machine = fleet.machines[String(name[..<dot])]
            else { continue }
            let disk = String(name[name.index(after: dot)...])
            if machine.spec.disks.contains(where: { $0.name == disk && $0.declared != nil }) { continue }
            report.error(
                snapshot.resourceID, "spec.volume", "unknown-reference",
                "the machine has no disk \(Wording.quoted(disk)) of its own",
                help: "write <machine>.<disk> of a disk that is declared there")
        }
    }
}
