import Model

extension CheckedFleet {
    /// The machine that infra runs on is one host: under two names each would take the other's objects for stray ones.
    static let checkLocalHosts: Check = { fleet, report in
        let local = fleet.hosts.all.filter { $0.spec.connection == .local }
        for host in local.dropFirst() {
            report.error(
                host.resourceID, "spec.connect.local", "local-twice",
                "this machine is Host/\(local[0].metadata.name) already",
                help: "keep one host with connect: {local: {}}")
        }
    }
}
