import Model

extension CheckedFleet {
    /// One machine is one host: under two names each would take the other's objects for stray ones.
    static let checkHosts: Check = { fleet, report in
        let local = fleet.hosts.all.filter { $0.spec.connection == .local }
        for host in local.dropFirst() {
            report.error(
                host.resourceID, "spec.connect.local", "local-twice",
                "this machine is Host/\(local[0].metadata.name) already",
                help: "keep one host with connect: {local: {}}")
        }
        var reached: [String: String] = [:]
        for host in fleet.hosts.all {
            guard case .ssh(let ssh) = host.spec.connection else { continue }
            let place = "\(ssh.address.lowercased()) port \(ssh.port)"
            if let other = reached[place] {
                report.error(
                    host.resourceID, "spec.connect.ssh.address", "host-twice",
                    "\(place) is Host/\(other) already", help: "write this host's own address")
            }
            reached[place] = host.metadata.name
        }
    }
}
