import Model

extension Simulator {
    /// libvirt starts a machine only with disks on which nobody else has a lease.
    func requireLeases(of machine: VirtualMachine, on host: HostInventory) throws(Impossible) {
        guard let leases = host.leases, leases.obstacle == nil,
            let paths = host.machines.first(where: { $0.metadata.identity == machine.metadata.identity })?.paths
        else { return }
        let rules = LeaseRules(host.pools)
        for (name, other) in hosts {
            if let path = other.leases?.held.first(where: { rules.cover($0) && paths.contains($0) }) {
                throw Impossible(why: "\(path) is locked on host \(name)")
            }
        }
    }

    /// Starts a machine as its host does by itself when it comes up.
    /// - Returns: whether it runs.
    public mutating func autostart(_ machine: String, on name: String) -> Bool {
        guard var host = hosts.removeValue(forKey: name) else { return false }
        defer {
            hosts[name] = host
            noteLeases(of: name)
        }
        guard let index = host.machines.firstIndex(where: { $0.metadata.identity == machine }) else { return false }
        do throws(Impossible) {
            try requireLeases(of: host.machines[index], on: host)
        } catch {
            return false
        }
        host.machines[index].status?.state = .running
        return true
    }

    /// Notes the leases of what runs on a host. Nobody else has one on a disk with which it does.
    mutating func noteLeases(of name: String) {
        guard let host = hosts[name], host.leases != nil else { return }
        let rules = LeaseRules(host.pools)
        let running = host.machines.filter { $0.status?.state == .running }
        hosts[name]?.leases?.held = Set(running.flatMap(\.paths)).filter(rules.cover).sorted()
    }
}
