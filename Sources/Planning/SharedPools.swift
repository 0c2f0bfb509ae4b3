import Model

/// Pools whose folder is the same file system on all their hosts. Each of these sees every file; in a plan a file belongs to
/// one host, so that one does to it what is to be done: that of the machine that has it.
struct SharedPools {
    private var ids: Set<String>
    /// The folders, each with a slash at its end.
    private let folders: [String]
    /// A host that reaches a pool and does not answer, or is said to be off, by the pool's identity.
    private let silent: [String: String]
    /// Which host volumes of the manifests belong to, by identity; to none what has no host now: it is left as it is.
    private var volumes: [String: String?] = [:]
    /// The same of volumes, machines' seeds and unfinished files that are in no manifest, by path.
    private var others: [String: String] = [:]
    /// The machine that has a file as a disk, and where it is, by path.
    private var users: [String: (host: String, machine: String)] = [:]
    /// The machines that have a logical unit as a disk, wherever they are, by path.
    private var unitUsers: [String: Set<String>] = [:]
    /// Whether every host said which machines it has.
    private var isWhole = false
    /// The first host on which a volume was seen, by identity.
    private var seen: [String: String] = [:]
    /// Steps that make on one host what others need, too: by the path of an image, or the identity of a pool.
    private(set) var steps: [String: String] = [:]

    /// The shared pools of the manifests, and those of volumes whose marks say that they were: what leaves the manifests, or
    /// is not said to be shared any more, is the same for all hosts still.
    init(_ manifest: FleetManifest, observed: [String: HostInventory]) {
        let marked = observed.values.flatMap(\.volumes).filter { $0.status?.mark?.shared == true }.map(\.spec.pool)
        let known = manifest.pools + observed.values.flatMap(\.pools)
        ids = Set(marked).union(known.filter(\.spec.shared).map(\.metadata.identity))
        let shared = ids
        let pools = known.filter { shared.contains($0.metadata.identity) }
        folders = Set(pools.map { $0.spec.folder + "/" }).sorted()
        silent = shared.isEmpty ? [:] : Self.silent(shared, manifest, observed)
    }

    /// The same without pools, as the host knows it that has what is behind their volumes to itself.
    func without(_ pools: Set<String>, _ volumes: Set<String>) -> SharedPools {
        guard !pools.isDisjoint(with: ids) else { return self }
        var result = self
        result.ids.subtract(pools)
        for volume in volumes {
            result.seen[volume] = nil
            result.volumes[volume] = nil
        }
        return result
    }

    private static func silent(
        _ ids: Set<String>, _ manifest: FleetManifest, _ observed: [String: HostInventory]
    ) -> [String: String] {
        let hosts = manifest.hosts.reduce(into: [:]) { $0[$1.metadata.identity] = $1.spec.offline }
        let pools = manifest.pools.reduce(into: [:]) { $0[$1.metadata.identity] = $1 }
        let silent = Set(hosts.keys).union(observed.keys).filter { id in
            guard let inventory = observed[id], hosts[id] != true else { return true }
            return inventory.unknown.contains { $0.resource == nil && ($0.area == .host || $0.area == .compute) }
        }.sorted()
        return ids.reduce(into: [:]) { result, id in
            result[id] = silent.first { hosts[$0] == nil || pools[id]?.isOn(host: $0) != false }
        }
    }

    /// The same with the hosts that files belong to.
    ///
    /// - Parameter manifest: what is wanted, which is nothing of a fleet that is to go.
    func settled(
        _ manifest: FleetManifest, _ placement: Placement, _ observed: [String: HostInventory]
    ) -> SharedPools {
        guard !isEmpty else { return self }
        var result = self
        for volume in manifest.volumes {
            result.volumes[volume.metadata.identity] = .some(placement.volumes[volume.metadata.identity])
        }
        var machines: Set<String> = []
        for machine in manifest.machines {
            machines.insert(machine.metadata.identity)
            let host = placement.hosts[machine.metadata.identity]
            for disk in machine.spec.disks where disk.declared != nil {
                result.volumes["\(machine.metadata.identity).\(disk.name)"] = .some(host)
            }
            if let host { result.others[Self.seed(machine.metadata.identity)] = host }
        }
        result.settleOthers(machines, observed)
        return result
    }

    /// What left the manifests belongs to the host of the machine that has it; without one, to the first host, once it is
    /// known that no other has such a machine.
    private mutating func settleOthers(_ machines: Set<String>, _ observed: [String: HostInventory]) {
        let hosts = observed.sorted { $0.key < $1.key }
        for (host, inventory) in hosts {
            for volume in inventory.volumes where contains(volume.spec.pool) && volume.status?.staged != true {
                if seen[volume.metadata.identity] == nil { seen[volume.metadata.identity] = host }
            }
        }
        isWhole = hosts.allSatisfy { _, inventory in
            !inventory.host.spec.offline && !inventory.unknown.contains { $0.area == .host || $0.area == .compute }
        }
        for (host, inventory) in hosts {
            for machine in inventory.machines {
                for path in machine.allPaths {
                    if StoragePool.isRemote(path) {
                        unitUsers[path, default: []].insert(machine.metadata.identity)
                    }
                    if others[path] == nil { others[path] = host }
                    if users[path] == nil, hold(path) { users[path] = (host, machine.metadata.identity) }
                }
                let seed = Self.seed(machine.metadata.identity)
                if !machines.contains(machine.metadata.identity), others[seed] == nil { others[seed] = host }
            }
        }
        guard isWhole else { return }
        for (host, inventory) in hosts {
            let paths = inventory.volumes.compactMap(\.status?.path) + inventory.images.compactMap(\.status?.path)
            let seeds = inventory.seeds.keys.filter { !machines.contains($0) }.map(Self.seed)
            for path in paths + seeds where others[path] == nil { others[path] = host }
        }
    }

    private static func seed(_ machine: String) -> String { "seed of \(machine)" }

    /// Whether no pool is shared.
    var isEmpty: Bool { ids.isEmpty }

    /// Whether a pool is one of them.
    func contains(_ pool: String) -> Bool { ids.contains(pool) }

    /// A host that may use what lies in a pool without anybody seeing it: it reaches the pool, and does not answer or is said to
    /// be off; nil when there is none.
    func silentHost(of pool: String) -> String? { silent[pool] }

    /// Whether a file lies in one of them.
    func hold(_ path: String?) -> Bool { folders.contains { path?.hasPrefix($0) == true } }

    /// A machine, on any host, that has a file of theirs as a disk.
    func user(of path: String) -> (host: String, machine: String)? { users[path] }

    /// Why a machine may not use a logical unit; nil when it may. No lock of QEMU's keeps two from writing to one, so it is
    /// handed over only once it is seen that nobody has it.
    func obstacle(toUnit path: String, for machine: String?) -> String? {
        guard let machine else { return nil }
        let users = unitUsers[path] ?? []
        if let other = users.subtracting([machine]).min() {
            return "VirtualMachine/\(other) has it as a disk; it is another's once that does not have it any more"
        }
        guard !users.contains(machine), !isWhole else { return nil }
        return "not every host said which machines it has, and one may have it as a disk"
    }

    /// Where a volume was seen that another host does not see: their pools are not the same.
    func hostThatSees(volume id: String) -> String? { seen[id] }

    /// What belongs to a host of what was observed there.
    func own(_ inventory: HostInventory, on host: String) -> HostInventory {
        guard !isEmpty else { return inventory }
        var own = inventory
        own.volumes.removeAll { volume in
            guard contains(volume.spec.pool) else { return false }
            if let owner = volumes[volume.metadata.identity] { return owner != host }
            return others[volume.status?.path ?? ""] != host
        }
        // Stored images serve all hosts.
        own.images.removeAll { image in
            guard let status = image.status, status.staged, contains(status.pool) else { return false }
            return others[status.path] != host
        }
        own.seeds = inventory.seeds.filter { machine, seed in
            !hold(seed.path) || others[Self.seed(machine)] == host
        }
        return own
    }

    /// Notes what steps make for other hosts, too.
    mutating func note(_ steps: [Step]) {
        guard !isEmpty else { return }
        for step in steps {
            switch step.operation {
            case .importImage(let image):
                if let path = image.status?.path, hold(path) { self.steps[path] = step.id }
            case .createPool(let pool):
                let id = pool.metadata.identity
                if contains(id), self.steps[id] == nil { self.steps[id] = step.id }
            default: break
            }
        }
    }

    /// The rows with each shared pool counted once.
    func merged(_ capacity: [Capacity]) -> [Capacity] {
        guard !isEmpty else { return capacity }
        var places: [ResourceID: Int] = [:]
        return capacity.reduce(into: []) { rows, row in
            guard row.measure == .disk, contains(row.resource.id) else { return rows.append(row) }
            guard let place = places[row.resource] else {
                places[row.resource] = rows.count
                rows.append(row)
                rows[rows.count - 1].shared = true
                return
            }
            rows[place].promised += row.promised
            rows[place].promisedNow += row.promisedNow
            rows[place].physical = rows[place].physical ?? row.physical
            rows[place].allowed = rows[place].allowed ?? row.allowed
        }
    }
}
