import Model

extension Placement {
    /// A machine that is to be placed, with all that decides where.
    private struct Candidate {
        let id: String
        let need: Ledger.Need
        let wants: Reach.Wants
        let wishes: Kinship.Wishes
        let size: Double
        /// Machines of a group have the same hosts to choose from.
        var group: Int
        /// How many those are.
        let choice: Int

        /// The order in which machines are placed: those with the least choice first, of equals the larger first; those
        /// that follow others once these are placed.
        static func precedes(_ left: Candidate, _ right: Candidate) -> Bool {
            if left.wishes.follows != right.wishes.follows { return right.wishes.follows }
            if left.choice != right.choice { return left.choice < right.choice }
            if left.group != right.group { return left.group < right.group }
            if left.size != right.size { return left.size > right.size }
            return left.id < right.id
        }
    }

    private struct Group: Hashable {
        let hosts: HostSet
        let pool: Int?
    }

    /// More machines without a host than these are only counted.
    private static let told = 100

    /// What a machine needs of its host beside room.
    func wants(of machine: VirtualMachine, _ need: Ledger.Need) -> Reach.Wants {
        reach.wants(of: machine, pools: need.disks.map { ledger.pools[$0.pool].metadata.identity }.sorted())
    }

    /// Places machines that are nowhere.
    mutating func place(_ machines: [VirtualMachine]) {
        guard !machines.isEmpty else { return }
        var groups: [Group] = []
        var candidates = candidates(machines, &groups)
        candidates.sort(by: Candidate.precedes)
        var failed: [Candidate] = []
        var tree: (group: Int, hosts: HostTree)?
        for candidate in candidates {
            if tree?.group != candidate.group {
                let group = groups[candidate.group]
                tree = (candidate.group, HostTree(group.hosts.members, ledger, scale: scale, pool: group.pool))
            }
            guard let host = best(for: candidate, groups[candidate.group].hosts, tree?.hosts) else {
                failed.append(candidate)
                continue
            }
            hosts[candidate.id] = whereabouts.hosts[host].metadata.identity
            placed.append(candidate.id)
            ledger.take(candidate.need, on: host)
            kinship.add(candidate.wishes, on: host, isNew: true)
            tree?.hosts.update(host, ledger)
        }
        tell(failed.sorted { $0.id < $1.id })
    }

    private mutating func candidates(_ machines: [VirtualMachine], _ groups: inout [Group]) -> [Candidate] {
        var known: [Group: Int] = [:]
        var result: [Candidate] = []
        result.reserveCapacity(machines.count)
        for machine in machines {
            let need = ledger.need(of: machine)
            let wants = wants(of: machine, need)
            let group = Group(hosts: reach.hosts(for: wants), pool: need.disks.count == 1 ? need.disks[0].pool : nil)
            let index = known[group] ?? groups.count
            if index == groups.count {
                known[group] = index
                groups.append(group)
            }
            result.append(
                Candidate(
                    id: machine.metadata.identity, need: need, wants: wants, wishes: kinship.wishes(of: machine),
                    size: scale.size(need), group: index, choice: group.hosts.count))
        }
        return result
    }

    private func best(for candidate: Candidate, _ choice: HostSet, _ tree: HostTree?) -> Int? {
        let excluded = kinship.excluded(candidate.wishes)
        guard var required = kinship.required(candidate.wishes) else {
            return tree?.best(for: candidate.need, ledger) { excluded?.contains($0) != true }
        }
        required.formIntersection(choice)
        return HostTree(
            required.members, ledger, scale: scale, pool: nil
        ).best(for: candidate.need, ledger) { excluded?.contains($0) != true }
    }

    private mutating func tell(_ failed: [Candidate]) {
        for candidate in failed.prefix(Self.told) {
            problems.append(
                Diagnostic(
                    code: "no-host",
                    (whereabouts.hosts.count > Refusals.detailLimit
                        ? "none of \(whereabouts.hosts.count) hosts can take " : "no host can take ")
                        + "\(text(candidate.need)): \(refusals(candidate).text)",
                    help: "make it smaller, give hosts more room, end a maintenance, or ask less of its host",
                    resource: ResourceID(.virtualMachine, candidate.id), field: "spec"))
        }
        guard failed.count > Self.told else { return }
        problems.append(
            Diagnostic(code: "no-host", "\(failed.count - Self.told) more machines find no host, either"))
    }

    private mutating func refusals(_ candidate: Candidate) -> Refusals {
        Refusals(
            hosts: whereabouts.hosts.indices.map { host in
                let obstacles = reach.obstacles(candidate.wants, on: host)
                // Of a host that is out of the question for good nobody wants to know how full it is.
                let room = obstacles.isEmpty ? ledger.obstacles(candidate.need, on: host) : []
                return (
                    whereabouts.hosts[host].metadata.identity,
                    obstacles + room + (obstacles.isEmpty ? kinship.obstacles(candidate.wishes, on: host) : [])
                )
            })
    }

    private func text(_ need: Ledger.Need) -> String {
        (["\(need.cpu) CPU", "\(ByteCount(need.memory).rounded) of memory"]
            + need.disks.map {
                "\(ByteCount($0.bytes).rounded) in StoragePool/\(ledger.pools[$0.pool].metadata.identity)"
            }).joined(separator: ", ")
    }
}

extension Ledger {
    /// What a host is short of for a machine, and by how much.
    func obstacles(_ need: Need, on host: Int) -> [Obstacle] {
        let account = accounts[host]
        var found: [Obstacle] = []
        if account.freeCPU < need.cpu {
            found.append(
                .cpu(missing: need.cpu - account.freeCPU, free: account.freeCPU, allowed: account.allowedCPU))
        }
        if account.freeMemory < need.memory {
            found.append(
                .memory(
                    missing: need.memory - account.freeMemory, free: account.freeMemory,
                    allowed: account.allowedMemory))
        }
        for disk in need.disks {
            let free = freeSpace(in: disk.pool, on: host)
            guard free < disk.bytes else { continue }
            found.append(
                .disk(
                    pool: pools[disk.pool].metadata.identity, missing: disk.bytes - free, free: free,
                    allowed: allowedSpace(in: disk.pool, on: host)))
        }
        return found
    }
}
