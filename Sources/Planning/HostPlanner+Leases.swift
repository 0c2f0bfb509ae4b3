import Model

extension HostPlanner {
    /// A pool that is to have leases, on a host where machines would start without: no disk is made there for one.
    mutating func holdUnleased() {
        guard let reason = observed.leaseObstacle else { return }
        for pool in expectation.inventory.pools where pool.spec.leases {
            let resource = ResourceID(.storagePool, pool.metadata.identity)
            if isBlocked(resource) || unknown(.storage, resource) != nil { continue }
            block(
                resource, "leases", "no machine gets leases on host \(host): \(reason)", field: "spec.leases",
                help: Leases.help)
        }
    }

    /// Blocks a machine that would be started, or move, without leases on its disks. What runs goes on.
    mutating func isUnleased(_ machine: VirtualMachine, _ resource: ResourceID) -> Bool {
        let leased = expectation.inventory.pools.filter(\.spec.leases).map(\.metadata.identity)
        guard !leased.isEmpty, observed.leaseObstacle != nil else { return false }
        let pools = Set(
            expectation.inventory.volumes.filter { machine.volumes.contains($0.metadata.identity) }.map(\.spec.pool))
        guard let pool = leased.first(where: pools.contains) else { return false }
        block(
            resource,
            "waits for StoragePool/\(pool), on whose disks it would have no leases on this host")
        return true
    }

    /// What is told of a machine that runs without a lease on one of its disks.
    mutating func noteLeases(_ seen: VirtualMachine, _ resource: ResourceID) {
        guard let leases = observed.leases, leases.obstacle == nil else { return }
        guard let path = LeaseRules(expectation.inventory.pools).lacking(seen, leases).first else { return }
        note(
            "no-lease", "runs without a lease on \(path)", resource,
            help: "restart or move it: one that was started before leases were on, or before virtlockd was, has none")
    }

    /// A volume that another host may use without anybody seeing it grows under its machine, once that runs here: nothing is
    /// written to a disk that may be in use.
    mutating func isGrownUnderUser(_ volume: Volume, _ seen: Volume, _ resource: ResourceID) -> Bool {
        guard let silent = shared.silentHost(of: seen.spec.pool) else { return false }
        let machine = expectation.inventory.machines.first { $0.volumes.contains(resource.id) }
        let disk = machine?.spec.disks.first { $0.path == volume.status?.path }?.name
        guard let machine, machine.spec.power == .running, let disk else {
            note(
                "fence", "grows once its machine runs, or once host \(silent) answers: it may be in use there",
                resource)
            return true
        }
        let start = id(ResourceID(.virtualMachine, machine.metadata.identity), "start")
        growsLater.insert(resource)
        addGrowth(of: volume, from: seen, under: machine, disk: disk, after: [start])
        return true
    }
}

extension HostInventory {
    /// Why its machines would have no leases; nil when they have. Only for hosts of pools that are to have them.
    var leaseObstacle: String? {
        guard let leases else { return "nobody asked whether they would" }
        return leases.obstacle
    }
}
