import Model

extension CheckedFleet {
    /// A volume is a copy of one that is there without it. Whether such a copy can be made is asked when it is: later on, the other one
    /// may grow and move.
    static let checkVolumeSources: Check = { fleet, report in
        var declared: [String: Declaration] = [:]
        for volume in fleet.volumes.all where declared[volume.metadata.identity] == nil {
            declared[volume.metadata.identity] = Declaration(volume.spec, volume.resourceID, "spec")
        }
        for machine in fleet.machines.all {
            for disk in machine.spec.disks {
                guard let spec = disk.declared else { continue }
                declared["\(machine.metadata.identity).\(disk.name)"] = Declaration(
                    spec, machine.resourceID, "spec.disks[\(disk.name)]")
            }
        }
        for (id, volume) in declared.sorted(by: { $0.key < $1.key }) where volume.spec.source != nil {
            check(id, volume, declared, fleet, &report)
        }
    }

    /// A volume, and where the manifests have it.
    private struct Declaration {
        let spec: Volume.Spec
        let owner: ResourceID
        let field: String

        init(_ spec: Volume.Spec, _ owner: ResourceID, _ field: String) {
            self.spec = spec
            self.owner = owner
            self.field = field
        }
    }

    private static func check(
        _ id: String, _ volume: Declaration, _ declared: [String: Declaration], _ fleet: CheckedFleet,
        _ report: inout CheckReport
    ) {
        guard let name = volume.spec.source else { return }
        guard declared[name] != nil else {
            if let dot = name.firstIndex(of: "."), fleet.machines[String(name[..<dot])] != nil {
                report.error(
                    volume.owner, volume.field + ".from.volume", "unknown-reference",
                    "the machine has no disk \(Wording.quoted(String(name[name.index(after: dot)...]))) of its own",
                    help: "write <machine>.<disk> of a disk that is declared there")
            }
            return
        }
        var seen: Set<String> = [id]
        var next: String? = name
        while let current = next {
            guard seen.insert(current).inserted else {
                report.error(
                    volume.owner, volume.field + ".from.volume", "volume-source",
                    "is a copy of itself, by way of Volume/\(name)", help: "let one of them start from something else")
                return
            }
            next = declared[current]?.spec.source
        }
    }
}
