import Model

extension Placement {
    /// What is known of a machine's place before any is chosen.
    enum Settlement {
        /// It is there, or nowhere else.
        case on(String)
        /// It is nowhere, and is not made now.
        case nowhere
        /// It is to be placed.
        case anywhere
    }

    /// Whether a machine has its place already: a domain, or a volume, is moved by nobody but its owner.
    mutating func settle(_ machine: VirtualMachine) -> Settlement {
        let resource = ResourceID(.virtualMachine, machine.metadata.identity)
        let sites = whereabouts.hosts(of: machine)
        if sites.count > 1 {
            let reason = "is on \(Self.list(sites)), and may be on one only; undefine it where it does not belong"
            for site in sites { hold(resource, on: site, reason) }
            return .on(machine.spec.host.flatMap { sites.contains($0) ? $0 : nil } ?? sites[0])
        }
        if let site = sites.first { return stay(machine, on: site, resource) }
        if let last = whereabouts.lastHost(of: machine.metadata.identity) {
            if whereabouts.indices[last] != nil, machine.spec.host ?? last == last { return .on(last) }
            block(resource, by: last, "was last seen on host \(last), which does not answer, and is made nowhere else")
            return .nowhere
        }
        return settle(byVolumesOf: machine, resource)
    }

    /// A machine whose domain was seen.
    private mutating func stay(_ machine: VirtualMachine, on site: String, _ resource: ResourceID) -> Settlement {
        guard let index = whereabouts.indices[site] else {
            block(
                resource, by: site,
                "is on host \(site), which no manifest declares any more; declare it again, or remove the machine there"
            )
            return .nowhere
        }
        guard whereabouts.standings[index] != .offline else { return .on(site) }
        if let host = machine.spec.host, host != site {
            hold(resource, on: site, "is on host \(site); moving it to host \(host) is not in this version")
            return .on(site)
        }
        for volume in machine.volumes {
            let copies = whereabouts.hosts(ofVolume: volume)
            for copy in copies where copy != site && copies.contains(site) {
                hold(ResourceID(.volume, volume), on: copy, "a copy of what is on host \(site), beside its machine")
            }
            if !copies.isEmpty, !copies.contains(site), whereabouts.isCurrent(volume) {
                hold(resource, on: site, "its Volume/\(volume) is on \(Self.list(copies))")
                for copy in copies { hold(ResourceID(.volume, volume), on: copy, "its machine is on host \(site)") }
            }
        }
        return .on(site)
    }

    /// A machine that has no domain: its data says where it belongs.
    private mutating func settle(byVolumesOf machine: VirtualMachine, _ resource: ResourceID) -> Settlement {
        var sites: [String] = []
        var isCurrent = false
        for volume in machine.volumes {
            for host in whereabouts.hosts(ofVolume: volume) where !sites.contains(host) { sites.append(host) }
            isCurrent = isCurrent || whereabouts.isCurrent(volume)
        }
        if sites.count > 1 {
            for site in sites {
                for volume in machine.volumes where whereabouts.hosts(ofVolume: volume).contains(site) {
                    hold(ResourceID(.volume, volume), on: site, "the volumes of \(resource) are on different hosts")
                }
            }
            block(resource, by: "", "its volumes are on \(Self.list(sites.sorted()))")
            return .nowhere
        }
        let host = machine.spec.host
        if let site = sites.first {
            guard let index = whereabouts.indices[site] else {
                block(resource, by: site, "its volumes are on host \(site), which no manifest declares any more")
                return .nowhere
            }
            if whereabouts.standings[index] == .offline { return .on(site) }
            if !isCurrent, isUnknown(machine, except: site, resource) { return .nowhere }
            if let host, host != site {
                hold(
                    resource, on: site,
                    "its volumes are on host \(site); moving them to host \(host) is not in this version")
            } else if whereabouts.standings[index] == .maintenance {
                hold(resource, on: site, "its volumes are on host \(site), which is in maintenance")
            }
            return .on(site)
        }
        let only = host ?? (whereabouts.hosts.count == 1 ? whereabouts.hosts[0].metadata.identity : nil)
        if isUnknown(machine, except: only, resource) { return .nowhere }
        guard let only, let index = whereabouts.indices[only] else { return .anywhere }
        switch whereabouts.standings[index] {
        case .unknown: return .on(only)
        case .offline where host != nil: return .on(only)
        case .maintenance where host != nil:
            hold(resource, on: only, "host \(only) is in maintenance and takes no new machine")
            return .on(only)
        case .ready where host != nil: return lacks(machine, index, resource) ? .nowhere : .on(only)
        case .ready, .maintenance, .offline: return .anywhere
        }
    }

    /// Whether a machine that was seen nowhere may be where nobody could look.
    private mutating func isUnknown(
        _ machine: VirtualMachine, except host: String?, _ resource: ResourceID
    ) -> Bool {
        let gaps = whereabouts.gaps.isEmpty ? [] : whereabouts.gaps(around: machine, except: host)
        if let first = gaps.first {
            let others = Set(gaps.map(\.host)).count - 1
            let what =
                whereabouts.indices[first.host] == nil
                ? "host \(first.host), which no manifest declares any more, unknown" : "host \(first.host) unknown"
            block(
                resource, by: first.host,
                "\(what)" + (others > 0 ? ", as are \(others) more" : "")
                    + ", and it may be there: \(first.area.reason)")
            return true
        }
        if let off = whereabouts.forgotten.first(where: { $0 != host }) {
            block(resource, by: off, "host \(off) is off, and nobody remembers what was there")
            return true
        }
        return false
    }

    /// Whether the host that a new machine names lacks what it needs; room apart, which the whole plan is judged by.
    private mutating func lacks(_ machine: VirtualMachine, _ host: Int, _ resource: ResourceID) -> Bool {
        let obstacles = reach.lacks(wants(of: machine, ledger.need(of: machine)), host)
        guard !obstacles.isEmpty else { return false }
        problems.append(
            Diagnostic(
                code: "no-host",
                "the host that it names cannot take it: "
                    + Refusals(hosts: [(whereabouts.hosts[host].metadata.identity, obstacles)]).text,
                help: "name another host", resource: resource, field: "spec.host"))
        return true
    }

    /// Where a volume with a document of its own is: where it was seen, else with its machine, else on its pool's first host.
    mutating func settle(_ volume: Volume, user: String?) {
        let id = volume.metadata.identity
        let resource = ResourceID(.volume, id)
        let sites = whereabouts.hosts(ofVolume: id)
        if let site = sites.first(where: { user.map { hosts[$0] } == $0 }) ?? sites.first {
            for other in sites where other != site && held[other]?[resource] == nil {
                hold(resource, on: other, "is on \(Self.list(sites)), and may be on one only")
            }
            place(volume, on: site, takes: user == nil)
        } else if let user {
            if let host = hosts[user] { place(volume, on: host, takes: false) }
        } else {
            let candidates = whereabouts.hosts.indices.filter { host in
                whereabouts.standings[host] != .offline
                    && reach.has(volume.spec.pool, host)
            }
            guard let first = candidates.first(where: { whereabouts.standings[$0] == .ready }) ?? candidates.first
            else {
                return
            }
            let host = whereabouts.hosts[first].metadata.identity
            if let gap = whereabouts.gaps(around: volume, except: host).first {
                block(resource, by: gap.host, "host \(gap.host) unknown, and it may be there: \(gap.area.reason)")
                return
            }
            place(volume, on: host, takes: true)
        }
    }

    private mutating func place(_ volume: Volume, on host: String, takes: Bool) {
        volumes[volume.metadata.identity] = host
        if takes, let index = whereabouts.indices[host] { ledger.take(volume, on: index) }
    }

    /// `host a`, `hosts a and b`, `hosts a, b and 3 more`.
    private static func list(_ hosts: [String]) -> String {
        switch hosts.count {
        case 1: "host \(hosts[0])"
        case 2: "hosts \(hosts[0]) and \(hosts[1])"
        default: "hosts \(hosts[0]), \(hosts[1]) and \(hosts.count - 2) more"
        }
    }
}
