import Model

extension CheckedFleet {
    /// A volume is a copy of one that is there without it, is no smaller, and of which such a copy can be made.
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
        guard let source = declared[name] else {
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
        if volume.spec.size < source.spec.size {
            report.error(
                volume.owner, volume.field + ".size", "volume-source",
                "\(volume.spec.size) is smaller than Volume/\(name), which it is a copy of",
                help: "write \(source.spec.size) or more")
        }
        guard volume.spec.clone == .linked else { return }
        let isThin = fleet.pools[volume.spec.pool]?.spec.lvm?.thinPool != nil
        guard !isThin || volume.spec.pool != source.spec.pool else { return }
        report.error(
            volume.owner, volume.field + ".from", "volume-source",
            "only what lies in the same thin pool can share its blocks with a volume that is written to",
            help: "write clone: full")
    }
}
