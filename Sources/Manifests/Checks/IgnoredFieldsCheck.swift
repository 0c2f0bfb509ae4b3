import Model

extension CheckedFleet {
    /// Paths of fields that are not compared name fields that a machine can have otherwise than declared.
    static let checkIgnoredFields: Check = { fleet, report in
        for machine in fleet.machines.all where !machine.spec.ignoreChanges.isEmpty {
            let known = machine.spec.ignorablePaths
            for (index, path) in machine.spec.ignoreChanges.enumerated() where !known.contains(path) {
                let guess = Spelling.nearest(to: path, in: known).map { "did you mean \($0)? " } ?? ""
                report.error(
                    machine.resourceID, "spec.ignoreChanges[\(index)]", "ignored-field",
                    "\(Wording.quoted(path)) is no field that can be ignored",
                    help: guess + "it takes \(known.joined(separator: ", "))")
            }
        }
    }
}
