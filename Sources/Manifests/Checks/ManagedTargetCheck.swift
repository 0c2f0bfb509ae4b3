import Model

extension CheckedFleet {
    /// A target whose units are made has hosts beside the one that makes them.
    static let checkManagedTargets: Check = { fleet, report in
        let managers = fleet.pools.all.reduce(into: [String: ResourceID]()) { managers, pool in
            if let host = pool.spec.iscsi?.manage?.host { managers[host] = pool.resourceID }
        }
        for pool in fleet.pools.all {
            guard let manage = pool.spec.iscsi?.manage else { continue }
            func refuse(_ message: String, _ help: String) {
                report.error(pool.resourceID, "spec.hosts", "target-manager", message, help: help)
            }
            if pool.spec.hosts.isEmpty {
                refuse(
                    "which hosts use the units that host \(manage.host) makes is not said",
                    "write hosts: the hosts whose machines have them")
            }
            for host in pool.spec.hosts {
                guard let other = managers[host] else { continue }
                refuse(
                    host == manage.host
                        ? "host \(host) makes the units, and its own machines cannot have them"
                        : "host \(host) makes the units of \(other), and cannot have those of another in this version",
                    "leave it out")
            }
        }
    }
}
