import Model

/// Logical units that hosts of the fleet make, and the machines that have units, over all hosts.
///
/// Where its units are made, a pool is a folder of files and a volume one of them; everywhere else it is a target, and a volume is
/// one of its units. So there are two views of what is wanted and of what was observed, and a number that joins them.
struct ManagedUnits {
    /// A machine that has a unit as a disk, as it was seen.
    struct User {
        let host: String
        let machine: VirtualMachine
        /// Whether it runs with it.
        let isActive: Bool
    }

    /// What is wanted, each unit with its number.
    private(set) var manifest: FleetManifest
    /// What was observed, as those see it that use the units.
    private(set) var observed: [String: HostInventory]
    /// Units that are left as they are, with the reason.
    private(set) var held: [ResourceID: String] = [:]
    /// The paths of the units that are made, by the volume's identity.
    private(set) var paths: [String: String] = [:]
    /// Whether every host said which machines it has.
    let isWhole: Bool
    /// The hosts that make them, by the volume's identity.
    private var makers: [String: String] = [:]
    private var users: [String: [User]] = [:]
    /// The pools whose units are made, with the hosts that do.
    private let managers: [String: String]

    init(_ wanted: FleetManifest, observed: [String: HostInventory]) {
        manifest = wanted
        self.observed = observed
        managers = wanted.pools.reduce(into: [:]) { $0[$1.metadata.identity] = $1.spec.iscsi?.manage?.host }
        isWhole =
            observed.values.allSatisfy { inventory in
                !inventory.host.spec.offline
                    && !inventory.unknown.contains { $0.area == .host || $0.area == .compute }
            } && wanted.hosts.allSatisfy { observed[$0.metadata.identity] != nil }
        for (host, inventory) in observed.sorted(by: { $0.key < $1.key }) {
            for machine in inventory.machines { note(machine, on: host) }
        }
        for volume in wanted.volumes where volume.spec.lun == nil {
            makers[volume.metadata.identity] = managers[volume.spec.pool]
        }
        hold(wanted)
        guard !managers.isEmpty else { return }
        separate()
        for pool in wanted.pools { if let iscsi = pool.spec.iscsi { number(pool, iscsi, wanted, observed) } }
        nameDisks()
    }

    /// Whether any machine has a unit as a disk.
    var hasUsers: Bool { !users.isEmpty }

    /// Whether a host makes units.
    func isManager(_ host: String) -> Bool { managers.values.contains(host) }

    /// The host that makes a unit; nil of any other volume.
    func maker(of volume: String) -> String? { makers[volume] }

    /// The pools whose units are made, and the volumes that they are.
    var all: (pools: Set<String>, volumes: Set<String>) { (Set(managers.keys), Set(makers.keys)) }

    /// The volumes whose files a host makes.
    func made(on host: String) -> [Volume] {
        manifest.volumes.filter { makers[$0.metadata.identity] == host }
    }

    /// What is wanted as a host sees it that makes units.
    func manifest(seenFrom host: String) -> FleetManifest {
        var own = manifest
        own.pools = own.pools.map { $0.seen(from: host) }
        return own
    }

    /// The machines that have a unit as a disk, wherever they are.
    func users(of unit: String) -> [User] { users[unit] ?? [] }

    /// What users wait for of a unit that another host makes; nil of any other volume.
    func steps(before volume: ResourceID) -> [String]? {
        makers[volume.id].map { maker in
            ["create", "grow", "mark", "map"].map { Step.id(host: maker, resource: volume, $0) }
        }
    }

    /// Takes in what a host cannot make: nobody can use it.
    mutating func note(_ planner: HostPlanner) {
        for (volume, maker) in makers where maker == planner.host {
            let resource = ResourceID(.volume, volume)
            guard let reason = planner.reasonForBlocking(resource), !planner.serves(volume) else { continue }
            block(resource, "host \(maker) has to make it: \(reason)")
        }
    }

    private mutating func note(_ machine: VirtualMachine, on host: String) {
        let isActive = machine.status?.state.isActive == true
        let live = Set((machine.status?.live ?? machine.spec).disks.compactMap(\.path))
        for path in machine.allPaths where StoragePool.LogicalUnit.isPath(path) {
            users[path, default: []].append(
                User(host: host, machine: machine, isActive: isActive && live.contains(path)))
        }
    }

    /// What is behind a unit stays in its folder on its host.
    private mutating func hold(_ wanted: FleetManifest) {
        let pools = wanted.volumes.reduce(into: [:]) { $0[$1.metadata.identity] = $1.spec.pool }
        for (host, inventory) in observed {
            for volume in inventory.volumes {
                let id = volume.metadata.identity
                guard let status = volume.status, !status.staged, !status.isUnit, let pool = pools[id] else { continue }
                let isThere = makers[id] == host && volume.spec.pool == pool
                guard makers[id] == nil ? status.mark?.unit != nil : !isThere else { continue }
                let reason =
                    "lies in StoragePool/\(volume.spec.pool) on host \(host); a logical unit that is made does not change its "
                    + "pool or its host in this version"
                held[ResourceID(.volume, id)] = reason
                // Nor does the folder go out of sight, or an empty file would take its place.
                guard managers[volume.spec.pool] != host else { continue }
                held[ResourceID(.storagePool, volume.spec.pool)] = "Volume/\(id) \(reason)"
            }
        }
    }

    /// Those that use units see nothing of what is behind them.
    private mutating func separate() {
        for (pool, host) in managers {
            observed[host]?.pools.removeAll { $0.metadata.identity == pool }
            observed[host]?.volumes.removeAll { $0.spec.pool == pool }
            observed[host]?.images.removeAll { $0.status?.pool == pool }
        }
    }

    /// Gives the units of a target the numbers that they have, and new ones the least that are free.
    private mutating func number(
        _ pool: StoragePool, _ iscsi: StoragePool.ISCSI, _ wanted: FleetManifest, _ seen: [String: HostInventory]
    ) {
        guard let manager = iscsi.manage?.host else { return }
        let id = pool.metadata.identity
        let volumes = manifest.volumes.indices.filter { manifest.volumes[$0].spec.pool == id }
        let inventory = seen[manager]
        if let reason = Self.doubt(about: id, inventory) {
            for index in volumes where makers[manifest.volumes[index].metadata.identity] != nil {
                block(manifest.volumes[index].resourceID, "host \(manager), which makes it, is unknown: \(reason)")
            }
            return
        }
        var numbers: [String: Int] = [:]
        for volume in inventory?.volumes ?? [] where volume.spec.pool == id {
            numbers[volume.metadata.identity] =
                volume.status?.mark?.unit
                .flatMap { StoragePool.LogicalUnit(path: $0) }?.number
        }
        let declared = volumes.compactMap { manifest.volumes[$0].spec.lun }
        var taken = Set(numbers.values).union(declared)
        let known = taken
        taken.formUnion(inventory?.targets.first { $0.name == iscsi.target }?.units.map(\.number) ?? [])
        taken.formUnion(
            users.keys.compactMap { StoragePool.LogicalUnit(path: $0) }.filter { $0.target.target == iscsi.target }
                .map(\.number))
        for index in volumes where makers[manifest.volumes[index].metadata.identity] != nil {
            let volume = manifest.volumes[index].metadata.identity
            let lost = lostNumber(of: volume, iscsi.target, wanted).flatMap { known.contains($0) ? nil : $0 }
            let number = numbers[volume] ?? lost ?? (1...).first { !taken.contains($0) } ?? 1
            taken.insert(number)
            manifest.volumes[index].spec.lun = number
            paths[volume] = StoragePool.LogicalUnit(target: iscsi, number: number).path
            show(manifest.volumes[index], in: pool)
        }
    }

    /// Why nothing can be told of what a host has behind the units of a pool; nil when something can.
    private static func doubt(about pool: String, _ inventory: HostInventory?) -> String? {
        guard let inventory else { return "it was not observed" }
        let resource = ResourceID(.storagePool, pool)
        return inventory.unknown.first {
            $0.area == .host || $0.area == .storage && ($0.resource == nil || $0.resource == resource)
        }?.reason
    }

    /// The number of a unit whose file is not seen, as its machine has it: an empty one is never made in its place.
    private func lostNumber(of volume: String, _ target: String, _ wanted: FleetManifest) -> Int? {
        for machine in wanted.machines {
            guard let disk = machine.spec.disks.first(where: { $0.volume == volume })?.name else { continue }
            for user in users.values.joined() where user.machine.metadata.identity == machine.metadata.identity {
                let path = user.machine.spec.disks.first { $0.name == disk }?.path
                if let unit = path.flatMap({ StoragePool.LogicalUnit(path: $0) }), unit.target.target == target {
                    return unit.number
                }
            }
        }
        return nil
    }

    /// A unit that is made is there for those that use it, once they have waited for it.
    private mutating func show(_ volume: Volume, in pool: StoragePool) {
        let identity = Identity(fleet: manifest.fleet.uuid)
        for host in manifest.hosts.map(\.metadata.identity) where pool.isOn(host: host) {
            guard observed[host]?.isUnknown == false else { continue }
            observed[host]?.volumes.append(volume.asUnit(in: pool.spec, on: host, identity))
        }
    }

    private mutating func block(_ volume: ResourceID, _ reason: String) {
        let pool = manifest.volumes.first { $0.resourceID == volume }?.spec.pool
        for host in observed.keys
        where manifest.pools.contains(where: { $0.metadata.identity == pool && $0.isOn(host: host) }) {
            observed[host]?.unknown.append(UnknownArea(.storage, resource: volume, reason: reason))
        }
    }

    /// Which volumes disks are that are read from units.
    private mutating func nameDisks() {
        let volumes = paths.reduce(into: [:]) { $0[$1.value] = $1.key }
        func name(_ spec: inout VirtualMachine.Spec) {
            for index in spec.disks.indices where spec.disks[index].volume == nil {
                spec.disks[index].volume = spec.disks[index].path.flatMap { volumes[$0] }
            }
        }
        for host in observed.keys {
            for index in observed[host]?.machines.indices ?? 0..<0 {
                guard var machine = observed[host]?.machines[index] else { continue }
                name(&machine.spec)
                if var live = machine.status?.live {
                    name(&live)
                    machine.status?.live = live
                }
                observed[host]?.machines[index] = machine
            }
        }
    }
}

extension Volume {
    fileprivate var resourceID: ResourceID { ResourceID(.volume, metadata.identity) }
}
