import Model

extension FleetManifest {
    /// The same with hosts that do not answer, and of which the operator said since that they are off, as if it stood in the
    /// manifests.
    func fenced(_ observed: [String: HostInventory]) -> FleetManifest {
        guard observed.values.contains(where: \.isFenced) else { return self }
        var manifest = self
        for index in manifest.hosts.indices where observed[manifest.hosts[index].metadata.identity]?.isFenced == true {
            manifest.hosts[index].spec.offline = true
        }
        return manifest
    }
}

extension Placement {
    /// What is told of machines that start elsewhere than on the host that is said to be off.
    var fenceNotes: [Diagnostic] {
        freed.sorted { $0.key < $1.key }.compactMap { machine, left in
            guard let host = hosts[machine], whereabouts.state(of: machine, on: host)?.isActive != true else {
                return nil
            }
            return Diagnostic(
                .note, code: "fence",
                "was on host \(left), which is fenced, and is to be on host \(host); while it runs there after all, libvirt does not "
                    + "start it a second time", resource: ResourceID(.virtualMachine, machine))
        }
    }
}

extension Plan {
    /// Whether an apply ends the word that a host is off, even when it has nothing else to do.
    public var endsFence: Bool { notes.contains { $0.code == Diagnostic.fenceOver } }
}

extension Diagnostic {
    /// The code of what is told of a host that was said to be off and answers.
    fileprivate static let fenceOver = "fence-over"
}

extension Planner {
    /// What is told of a host that was said to be off and answers.
    static func fenceOver(_ host: String, _ inventory: HostInventory) -> Diagnostic {
        Diagnostic(
            .note, code: Diagnostic.fenceOver,
            inventory.isUnknown
                ? "was fenced, and answered since, so that nothing of it starts elsewhere; fence it again if it is off"
                : "was fenced and answers; an apply ends that once it has nothing of what is elsewhere meanwhile",
            resource: ResourceID(.host, host))
    }

    /// What is told of a host that is said to be off.
    static func offline(_ host: String, _ machines: [VirtualMachine], _ inventory: HostInventory?) -> Diagnostic {
        let names = machines.map(\.metadata.name).sorted()
        let staying =
            names.isEmpty
            ? ""
            : ", and \(names.count) of the machines stay there: " + names.prefix(10).joined(separator: ", ")
                + (names.count > 10 ? ", …" : "")
        return Diagnostic(
            .note, code: "offline",
            (inventory?.isFenced == true ? "is fenced" : "is said to be off") + ": nothing is done there\(staying)",
            resource: ResourceID(.host, host))
    }
}
