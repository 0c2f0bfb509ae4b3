import Model

extension HostPlanner {
    /// After a network's links: the files that make them when the host starts, where something there reads them.
    mutating func planBootFiles(_ network: Network, _ status: Network.Status, _ resource: ResourceID, _ action: Action)
    {
        guard let boot = observed.boot, boot.makesLinks else { return }
        let wanted = BootFile.files(network, status, identity: identity)
        let seen = boot.files.filter { $0.network == resource.id }
        guard seen != wanted else { return }
        let links = steps.filter { $0.resource == resource }.map(\.id)
        add(
            resource, action, .writeBootFiles(network: resource.id, wanted),
            reason: "what makes its links when the host starts is not as declared",
            changes: Self.changes(from: seen, to: wanted), after: links)
    }

    /// The files of a network that goes, after its links.
    mutating func planBootFilesRemoval(_ resource: ResourceID) {
        let seen = observed.boot?.files.filter { $0.network == resource.id } ?? []
        guard !seen.isEmpty else { return }
        let links = steps.filter { $0.resource == resource }.map(\.id)
        add(
            resource, .delete, .writeBootFiles(network: resource.id, []), reason: "not in the manifests",
            changes: Self.changes(from: seen, to: []), after: links)
    }

    /// Files whose links are gone already.
    mutating func planLeftBootFiles() {
        let known = Set((expectation.inventory.networks + observed.networks).map(\.metadata.identity))
        for id in Set((observed.boot?.files ?? []).map(\.network)).subtracting(known).sorted() {
            let resource = ResourceID(.network, id)
            if !isHeld(resource, area: .network) { planBootFilesRemoval(resource) }
        }
    }

    /// What a host would not do by itself is told.
    mutating func tellWhatIsNotKept() {
        guard let boot = observed.boot else { return }
        var lost: [String] = []
        if !boot.makesLinks, !expectation.inventory.networks.isEmpty {
            lost.append("networks (no systemd-networkd runs there)")
        }
        if !boot.loadsFirewall, expectation.inventory.firewall != nil {
            lost.append("firewall (no systemd runs there)")
        }
        guard !lost.isEmpty else { return }
        note(
            Diagnostic.notPersistent, "not persistent: \(lost.joined(separator: " and "))", ResourceID(.host, host),
            help: "after the host has started again, they come back with the next apply")
    }

    private static func changes(from seen: [BootFile], to wanted: [BootFile]) -> [FieldChange] {
        let old = seen.reduce(into: [:]) { $0[$1.path] = $1.text }
        let new = wanted.reduce(into: [:]) { $0[$1.path] = $1.text }
        return Set(old.keys).union(new.keys).sorted().compactMap { path in
            guard old[path] != new[path] else { return nil }
            return FieldChange(
                path, old: old[path].map { _ in new[path] == nil ? "there" : "another text" },
                new: new[path].map { _ in "as its links" })
        }
    }
}

extension Diagnostic {
    /// The code of what is told about each host that keeps nothing over its start.
    static let notPersistent = "not-persistent"
}
