public import Model

extension Diagnostic {
    /// The finding with the place in the manifests that it is about, where it has none yet. Of a disk declared inside a
    /// machine, the place is in the machine.
    public func placed(in sources: SourceIndex) -> Diagnostic {
        guard position == nil, let resource else { return self }
        var placed = self
        let field = field ?? ""
        if resource.kind == .volume, let dot = resource.id.firstIndex(of: ".") {
            let machine = ResourceID(.virtualMachine, String(resource.id[..<dot]))
            let disk = resource.id[resource.id.index(after: dot)...]
            placed.position = sources.position(
                of: machine, field: "spec.disks[\(disk)]" + field.dropFirst("spec".count))
        } else {
            placed.position = sources.position(of: resource, field: field)
        }
        return placed
    }
}
