import Model

extension Placement {
    /// Where a machine stands in the order in which they are placed: those with the least choice first, of equals the larger
    /// first; those that follow others once these are placed.
    private struct Rank: Comparable {
        let follows: Bool
        let choice: Int
        let group: Int
        let size: Double
        /// By identity.
        let index: Int

        static func < (left: Rank, right: Rank) -> Bool {
            if left.follows != right.follows { return right.follows }
            if left.choice != right.choice { return left.choice < right.choice }
            if left.group != right.group { return left.group < right.group }
            if left.size != right.size { return left.size > right.size }
            return left.index < right.index
        }
    }

    /// More machines without a host than these are only counted.
    private static let told = 100

    /// What a machine needs of its host beside room.
    func wants(of machine: VirtualMachine, _ need: Ledger.Need) -> Reach.Wants {
        reach.wants(of: machine, pools: need.disks.map { ledger.pools[$0.pool].metadata.identity }.sorted())
    }

    /// Places machines that are nowhere.
    ///
    /// - Parameter machines: all of the manifests.
    mutating func place(_ homeless: Candidates, of machines: [VirtualMachine]) {
        let candidates = homeless.all
        guard !candidates.isEmpty else { return }
        hosts.reserveCapacity(hosts.count + candidates.count)
        placed.reserveCapacity(candidates.count)
        let groups = homeless.groups
        let order = candidates.indices.map { index in
            let candidate = candidates[index]
            return Rank(
                follows: candidate.wishes.follows, choice: candidate.choice, group: candidate.group,
                size: candidate.size, index: index)
        }.sorted()
        let names = whereabouts.hosts.map(\.metadata.identity)
        var failed: [Int] = []
        var group = -1
        var tree = HostTree([], ledger, scale: scale, pool: nil)
        for rank in order {
            if group != rank.group {
                group = rank.group
                tree = HostTree(groups[group].hosts.members, ledger, scale: scale, pool: groups[group].pool)
            }
            let candidate = candidates[rank.index]
            guard let host = best(for: candidate, groups[group].hosts, tree) else {
                failed.append(rank.index)
                continue
            }
            hosts[candidate.id] = names[host]
            placed.append(candidate.id)
            ledger.take(candidate.need, on: host)
            kinship.add(candidate.wishes, on: host, isNew: true)
            tree.update(host, ledger)
        }
        // Machines are in the order of their identities.
        tell(failed.sorted().map { candidates[$0] }, machines)
    }

    private func best(for candidate: Candidates.Candidate, _ choice: HostSet, _ tree: HostTree) -> Int? {
        let wishes = candidate.wishes
        if wishes.isEmpty { return tree.best(for: candidate.need, ledger) { _ in true } }
        guard var required = kinship.required(wishes) else {
            return tree.best(for: candidate.need, ledger) { !kinship.excludes($0, wishes) }
        }
        required.formIntersection(choice)
        return HostTree(
            required.members, ledger, scale: scale, pool: nil
        ).best(for: candidate.need, ledger) { !kinship.excludes($0, wishes) }
    }

    private mutating func tell(_ failed: [Candidates.Candidate], _ machines: [VirtualMachine]) {
        for candidate in failed.prefix(Self.told) {
            let machine = machines[candidate.machine]
            problems.append(
                Diagnostic(
                    code: "no-host",
                    (whereabouts.hosts.count > Refusals.detailLimit
                        ? "none of \(whereabouts.hosts.count) hosts can take " : "no host can take ")
                        + "\(text(candidate.need)): \(refusals(wants(of: machine, candidate.need), candidate.need, candidate.wishes).text)",
                    help: "make it smaller, give hosts more room, end a maintenance, or ask less of its host",
                    resource: ResourceID(.virtualMachine, machine.metadata.identity), field: "spec"))
        }
        guard failed.count > Self.told else { return }
        problems.append(
            Diagnostic(code: "no-host", "\(failed.count - Self.told) more machines find no host, either"))
    }

    /// Why no host can take a machine.
    mutating func refusals(
        _ wants: Reach.Wants, _ need: Ledger.Need, _ wishes: Kinship.Wishes, except left: String? = nil
    ) -> Refusals {
        Refusals(
            hosts: whereabouts.hosts.indices.filter { whereabouts.hosts[$0].metadata.identity != left }.map { host in
                let obstacles = reach.obstacles(wants, on: host)
                // Of a host that is out of the question for good nobody wants to know how full it is.
                let room = obstacles.isEmpty ? ledger.obstacles(need, on: host) : []
                return (
                    whereabouts.hosts[host].metadata.identity,
                    obstacles + room + (obstacles.isEmpty ? kinship.obstacles(wishes, on: host) : [])
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
