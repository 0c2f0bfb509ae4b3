import Model

extension Placement {
    /// A machine that goes to another host, or should.
    public struct Move: Hashable, Sendable, Codable {
        /// The machine, by identity.
        public var machine: String
        /// The host that it is on, by identity.
        public var from: String
        /// The host that it goes to, by identity; nil when it stays although it should leave.
        public var to: String?
        /// Why it stays.
        public var reason: String?

        /// A move.
        public init(machine: String, from: String, to: String?, reason: String? = nil) {
            self.machine = machine
            self.from = from
            self.to = to
            self.reason = reason
        }
    }

    /// Plans that a machine goes to a host, or holds it where it is.
    /// - Parameter isBegun: whether its volumes are there already.
    mutating func move(
        _ machine: VirtualMachine, from site: String, to target: String, isBegun: Bool = false
    ) -> Settlement {
        let id = machine.metadata.identity
        let resource = ResourceID(.virtualMachine, id)
        guard let index = whereabouts.indices[target] else { return .on(site) }
        let obstacle: String? =
            switch whereabouts.standings[index] {
            case .ready: obstacle(toMoving: machine, from: site)
            case .maintenance where isBegun: obstacle(toMoving: machine, from: site)
            case .maintenance: "that host is in maintenance and takes no new machine"
            case .offline: "that host is said to be off"
            case .unknown(let reason): "that host is unknown: \(reason)"
            }
        if let obstacle {
            hold(resource, on: site, "is on host \(site) and cannot move to host \(target): \(obstacle)")
            return .on(site)
        }
        if let wait = wait(ofMoving: machine, from: site) {
            moves.append(Move(machine: id, from: site, to: nil, reason: "moves to host \(target) once \(wait)"))
            return .on(site)
        }
        if let lack = lack(of: machine, index) {
            hold(resource, on: site, "is on host \(site) and cannot move to host \(target): \(lack)")
            return .on(site)
        }
        moves.append(Move(machine: id, from: site, to: target))
        return .on(target)
    }

    /// What keeps a machine where it is until somebody does something about it.
    func obstacle(toMoving machine: VirtualMachine, from site: String) -> String? {
        let id = machine.metadata.identity
        if let reason = staying[id] { return reason }
        if let index = whereabouts.indices[site], case .unknown(let reason) = whereabouts.standings[index] {
            return "host \(site) is unknown: \(reason)"
        }
        guard let seen = whereabouts.machine(id, on: site) else { return "it is not ours before it is adopted there" }
        // What QEMU's channels are joined to is in the definition; other devices are of their host.
        let bound = seen.status?.unmanaged.filter { !$0.hasPrefix("channel ") } ?? []
        if !bound.isEmpty { return "it has devices that no manifest knows: \(bound.joined(separator: ", "))" }
        if let disk = (seen.spec.disks + (seen.status?.live?.disks ?? [])).first(where: \.isDevice) {
            return "its disk \(disk.name) is \(disk.path ?? ""), and moving a logical volume to another host is not in "
                + "this version"
        }
        if seen.status?.state == .saved { return "its memory is saved, which would be left behind" }
        if seen.status?.persistent == false { return "it has no persistent definition" }
        return nil
    }

    /// What this plan does about a machine before a later one moves it.
    func wait(ofMoving machine: VirtualMachine, from site: String) -> String? {
        if unsettled.contains(machine.metadata.identity) { return "what an earlier move has left is settled" }
        guard let seen = whereabouts.machine(machine.metadata.identity, on: site) else { return nil }
        if let reason = wait(ofDisksOf: machine, seen) { return reason }
        // Of a disk that nobody sees nothing would be copied, and the guest would go on with an empty one.
        if let volume = machine.volumes.first(where: { !whereabouts.has(volume: $0, on: site) }) {
            return "Volume/\(volume) is seen on host \(site)"
        }
        if seen.status?.state == .paused, machine.spec.power != .running { return "it is not paused any more" }
        return nil
    }

    /// A move takes along the volumes that the manifest names, so each disk has to be the one of that name already, in the
    /// definition and in what runs: of another one nothing would be copied.
    private func wait(ofDisksOf machine: VirtualMachine, _ seen: VirtualMachine) -> String? {
        let wanted = machine.spec.disks.reduce(into: [:]) {
            $0[$1.name] = $1.volume ?? "\(machine.metadata.identity).\($1.name)"
        }
        for spec in [seen.spec, seen.status?.live].compactMap(\.self) {
            for disk in spec.disks {
                guard let volume = wanted[disk.name] else {
                    return "its disk \(disk.name), which the manifests lack, is gone"
                }
                guard disk.volume == volume else { return "its disk \(disk.name) is Volume/\(volume)" }
            }
            let present = Set(spec.disks.map(\.name))
            if let missing = wanted.keys.filter({ !present.contains($0) }).min() {
                return "it has its disk \(missing)"
            }
        }
        return nil
    }

    /// Finds where the machines of hosts in maintenance go, once all others have their places: the largest first, those that
    /// follow others after these.
    mutating func findMoves(_ leaving: [VirtualMachine]) {
        var candidates: [(machine: VirtualMachine, need: Ledger.Need, wishes: Kinship.Wishes)] = leaving.map {
            ($0, ledger.need(of: $0), kinship.wishes(of: $0))
        }
        candidates.sort { left, right in
            if left.wishes.follows != right.wishes.follows { return right.wishes.follows }
            let sizes = (scale.size(left.need), scale.size(right.need))
            return sizes.0 == sizes.1
                ? left.machine.metadata.identity < right.machine.metadata.identity : sizes.0 > sizes.1
        }
        for (machine, need, wishes) in candidates {
            let id = machine.metadata.identity
            guard let from = hosts[id] else { continue }
            var reason: String?
            if let pinned = machine.spec.host {
                reason = "its manifest names host \(pinned)"
            } else if let obstacle = obstacle(toMoving: machine, from: from) ?? wait(ofMoving: machine, from: from) {
                reason = obstacle
            }
            if let reason {
                moves.append(Move(machine: id, from: from, to: nil, reason: reason))
                continue
            }
            var choice = reach.hosts(for: wants(of: machine, need))
            if var required = kinship.required(wishes) {
                // Whom it follows may be on its way already.
                if let index = whereabouts.indices[from] { required.remove(index) }
                choice.formIntersection(required)
            }
            let excluded = kinship.excluded(wishes)
            let tree = HostTree(choice.members, ledger, scale: scale, pool: nil)
            let taken = ledger.moving(need)
            guard let host = tree.best(for: taken, ledger, where: { excluded?.contains($0) != true }) else {
                let refusals = refusals(wants(of: machine, need), taken, wishes, except: from)
                moves.append(Move(machine: id, from: from, to: nil, reason: "no host can take it: \(refusals.text)"))
                continue
            }
            ledger.take(taken, on: host)
            kinship.add(wishes, on: host, isNew: false)
            let to = whereabouts.hosts[host].metadata.identity
            hosts[id] = to
            moves.append(Move(machine: id, from: from, to: to))
        }
        moves.sort { $0.machine < $1.machine }
    }

    /// What is told of machines that stay although they should leave.
    var notes: [Diagnostic] {
        moves.compactMap { move in
            guard move.to == nil, let reason = move.reason else { return nil }
            let isLeaving = whereabouts.indices[move.from].map { whereabouts.standings[$0] == .maintenance } ?? false
            return Diagnostic(
                .note, code: isLeaving ? "maintenance" : "move",
                isLeaving
                    ? "is on host \(move.from), which is in maintenance, and stays: \(reason)"
                    : "is on host \(move.from) and \(reason)",
                resource: ResourceID(.virtualMachine, move.machine))
        }
    }
}
