import Model

extension CheckedFleet {
    /// Pools lie below a storage root of each of their hosts, and not inside each other.
    static let checkPools: Check = { fleet, report in
        var misplaced: Set<String> = []
        for pool in fleet.pools.all {
            if pool.spec.shared, pool.metadata.uuid != nil {
                report.error(
                    pool.resourceID, pool.spec.isOnNetwork ? "metadata.uuid" : "spec.shared", "pool-shared",
                    "a pool that is adopted cannot be shared: each host's libvirt gave it an identity of its own",
                    help: "leave metadata.uuid out, and undefine the pool on its hosts; its files stay")
            }
            if pool.spec.leases, !pool.spec.shared {
                report.error(
                    pool.resourceID, "spec.leases", "pool-leases",
                    "leases are for disks that several hosts reach, and this pool is not shared",
                    help: "say `shared: true` if its folder is the same on all its hosts; else leave leases out")
            }
            guard let field = pool.spec.pathField else { continue }
            let manager = pool.spec.iscsi?.manage.flatMap { fleet.hosts[$0.host] }
            guard pool.spec.iscsi == nil || manager != nil else { continue }
            let path = manager.map { pool.seen(from: $0.metadata.identity).spec.folder } ?? pool.spec.folder
            for host in manager.map({ [$0] }) ?? fleet.hosts(of: pool) {
                let isBelow = host.spec.storageRoots.contains { isInside(path, $0) }
                guard !isBelow else { continue }
                misplaced.insert(pool.metadata.identity)
                report.error(
                    pool.resourceID, field, "pool-path",
                    "\(path) is not below a storage root of host \(host.metadata.name)",
                    help: host.spec.storageRoots.isEmpty
                        ? "the host has none; write spec.storageRoots there"
                        : "put it below \(Wording.alternatives(host.spec.storageRoots))")
                break
            }
        }
        checkNesting(fleet, except: misplaced, &report)
        checkExports(fleet, &report)
    }

    private static func checkNesting(
        _ fleet: CheckedFleet, except misplaced: Set<String>, _ report: inout CheckReport
    ) {
        // In the order of their paths a pool stands right behind one that holds it, but for others inside that one.
        for host in fleet.hosts.all {
            let pools = fleet.pools.all.map { $0.seen(from: host.metadata.identity) }.filter { pool in
                !pool.spec.isRemote && pool.spec.lvm == nil && !misplaced.contains(pool.metadata.identity)
                    && pool.isOn(host: host.metadata.identity)
            }.sorted { ($0.spec.folder + "/", $0.metadata.identity) < ($1.spec.folder + "/", $1.metadata.identity) }
            var outer: StoragePool?
            for pool in pools {
                guard let holder = outer,
                    pool.spec.folder == holder.spec.folder || isInside(pool.spec.folder, holder.spec.folder)
                else {
                    outer = pool
                    continue
                }
                let relation = pool.spec.folder == holder.spec.folder ? "is the folder of" : "lies in"
                report.error(
                    pool.resourceID, fleet.pools[pool.metadata.identity]?.spec.pathField ?? "spec", "pool-nested",
                    "\(pool.spec.folder) \(relation) \(holder.resourceID) on host \(host.metadata.name)",
                    help: "give each pool a folder of its own, side by side")
            }
        }
    }

    /// Two pools with one export would be one pool under two names.
    private static func checkExports(_ fleet: CheckedFleet, _ report: inout CheckReport) {
        var exports: [String: ResourceID] = [:]
        for pool in fleet.pools.all {
            guard let nfs = pool.spec.nfs, let other = exports.updateValue(pool.resourceID, forKey: nfs.source) else {
                continue
            }
            report.error(
                pool.resourceID, "spec.nfs.export", "export-used", "\(nfs.source) is that of \(other)",
                help: "declare it once, with all its hosts")
        }
    }

    private static func isInside(_ path: String, _ folder: String) -> Bool { path.hasPrefix(folder + "/") }
}

extension StoragePool.Spec {
    /// The field that says the folder; nil of what has none.
    fileprivate var pathField: String? {
        switch backend {
        case .directory: "spec.directory.path"
        case .nfs: "spec.nfs.path"
        case .iscsi(let iscsi): iscsi.manage.map { _ in "spec.iscsi.manage.directory" }
        case .lvm, .rbd: nil
        }
    }
}
