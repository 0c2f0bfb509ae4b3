import Model

extension Placement {
    /// A machine that is to leave its host.
    public struct Move: Hashable, Sendable, Codable {
        /// The machine, by identity.
        public var machine: String
        /// The host that it is on, by identity.
        public var from: String
        /// The host that could take it, by identity; nil when none can.
        public var to: String?

        /// A move.
        public init(machine: String, from: String, to: String?) {
            self.machine = machine
            self.from = from
            self.to = to
        }
    }

    /// Finds where the machines of hosts in maintenance could go, once all others have their places. Moving them is not in this
    /// version, so all that comes of it is told.
    mutating func findMoves(_ leaving: [VirtualMachine]) {
        var candidates: [(machine: VirtualMachine, need: Ledger.Need)] = leaving.map { ($0, ledger.need(of: $0)) }
        candidates.sort { left, right in
            let sizes = (scale.size(left.need), scale.size(right.need))
            return sizes.0 == sizes.1
                ? left.machine.metadata.identity < right.machine.metadata.identity : sizes.0 > sizes.1
        }
        for (machine, need) in candidates {
            let id = machine.metadata.identity
            guard let from = hosts[id] else { continue }
            let wishes = kinship.wishes(of: machine)
            // Whom it follows would have to move as well, and nobody knows yet where to.
            let choice =
                wishes.follows ? HostSet(of: whereabouts.hosts.count) : reach.hosts(for: wants(of: machine, need))
            let excluded = kinship.excluded(wishes)
            let tree = HostTree(choice.members, ledger, scale: scale, pool: nil)
            let host = tree.best(for: need, ledger) { excluded?.contains($0) != true }
            if let host {
                ledger.take(need, on: host)
                kinship.add(wishes, on: host, isNew: false)
            }
            moves.append(Move(machine: id, from: from, to: host.map { whereabouts.hosts[$0].metadata.identity }))
        }
        moves.sort { $0.machine < $1.machine }
    }

    /// What is told of machines that cannot leave.
    var notes: [Diagnostic] {
        moves.map { move in
            let target = move.to.map { "host \($0) could take it" } ?? "no host was found that could take it"
            return Diagnostic(
                .note, code: "maintenance",
                "is on host \(move.from), which is in maintenance, and stays: \(target), but moving is not in this version",
                resource: ResourceID(.virtualMachine, move.machine))
        }
    }
}
