import Model

/// What of the hosts could not be observed: a table without it is not the whole truth.
struct Unobserved {
    private let lines: [String]
    /// Whether something is missing that nobody said would be.
    let isIncomplete: Bool

    /// Looks for it.
    ///
    /// - Parameters:
    ///   - observed: What is on each host, by identity.
    ///   - hosts: The hosts of the manifests; one that is not among what was observed is unknown.
    ///   - areas: What matters; a host of which nothing is known always does.
    init(
        in observed: [String: HostInventory], of hosts: [KVMHost] = [],
        areas: Set<UnknownArea.Area> = Set(UnknownArea.Area.allCases)
    ) {
        var lines: [String] = []
        var isIncomplete = false
        let missing = hosts.map(\.metadata.identity).filter { observed[$0] == nil }
        for id in (Array(observed.keys) + missing).sorted() {
            guard let inventory = observed[id] else {
                lines.append("unknown: host \(id) was not observed")
                isIncomplete = true
                continue
            }
            let unknown = inventory.unknown.filter { $0.area == .host || areas.contains($0.area) }
            lines += unknown.map { "unknown: \($0.place(on: id)): \($0.reason)" }
            // One that is declared to be off is told, and as expected.
            if !unknown.isEmpty, !inventory.host.spec.offline, !inventory.isFenced { isIncomplete = true }
        }
        self.lines = lines.map(TerminalText.safe)
        self.isIncomplete = isIncomplete
    }

    /// Says it on standard error.
    func tell() {
        for line in lines { Console.error(line) }
    }
}

extension UnknownArea {
    fileprivate func place(on host: String) -> String {
        if let resource { return "\(resource) on host \(host)" }
        return area == .host ? "host \(host)" : "\(area.rawValue) of host \(host)"
    }
}

extension ResourceKind {
    /// The areas in which resources of the kind are found.
    var areas: Set<UnknownArea.Area> {
        switch self {
        case .fleet, .host: [.host]
        case .virtualMachine: [.host, .compute]
        case .storagePool, .image, .volume, .snapshot: [.host, .storage]
        case .network: [.host, .network]
        }
    }
}
