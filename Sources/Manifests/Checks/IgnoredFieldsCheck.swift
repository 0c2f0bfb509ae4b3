import Model

extension CheckedFleet {
    /// Paths of fields that are not compared name fields that exist.
    static let checkIgnoredFields: Check = { fleet, report in
        for machine in fleet.machines.all where !machine.spec.ignoreChanges.isEmpty {
            let known = FieldWalk.paths(below: machine.spec)
            for (index, path) in machine.spec.ignoreChanges.enumerated() where !known.contains(path) {
                let guess = Wording.nearest(to: path, in: known.sorted()).map { "did you mean \($0)? " } ?? ""
                report.error(
                    machine.resourceID, "spec.ignoreChanges[\(index)]", "ignored-field",
                    "\(Wording.quoted(path)) is no field of the machine",
                    help: guess + "write a path below spec, such as memory.size or disks[root].size")
            }
        }
    }
}
