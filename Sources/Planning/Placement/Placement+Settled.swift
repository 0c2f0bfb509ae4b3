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
            if let home = home(of: machine, among: sites) { return stay(machine, on: home, resource) }
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
        if let left = whereabouts.freed[machine.metadata.identity] {
            if machine.spec.host == left.host { return .on(left.host) }
            if Set(left.volumes) != Set(machine.volumes) {
                block(
                    resource, by: left.host,
                    "was on host \(left.host), which is fenced, with other disks than the manifests say: "
                        + left.volumes.map { "Volume/\($0)" }.joined(separator: ", "))
                return .nowhere
            }
            if let volume = whereabouts.missing(of: machine) {
                block(
                    resource, by: left.host,
                    "was on host \(left.host), which is fenced, and its Volume/\(volume) is seen in no shared pool with leases: it may "
                        + "be there alone")
                return .nowhere
            }
        }
        return settle(byVolumesOf: machine, resource)
    }

    /// A machine whose domain was seen.
    mutating func stay(_ machine: VirtualMachine, on site: String, _ resource: ResourceID) -> Settlement {
        guard let index = whereabouts.indices[site] else {
            block(
                resource, by: site,
                "is on host \(site), which no manifest declares any more; declare it again, or remove the machine there"
            )
            return .nowhere
        }
        guard whereabouts.standings[index] != .offline else { return .on(site) }
        if !whereabouts.gaps.isEmpty, whereabouts.state(of: machine.metadata.identity, on: site) == .paused,
            let gap = whereabouts.gaps(around: machine, except: site).first
        {
            hold(
                resource, on: site,
                "is paused, as a move that was cut off leaves it, and may run on host \(gap.host), which is unknown: "
                    + gap.area.reason)
        }
        if let absence = whereabouts.absent(of: machine, except: site) {
            hold(resource, on: site, "its " + absence.reason)
            hold(ResourceID(.volume, absence.volume), on: site, "it may be on host \(absence.host)")
        }
        if let begun = settleCopies(of: machine, on: site, resource) {
            return move(machine, from: site, to: begun, isBegun: true)
        }
        if held[site]?[resource] == nil, let host = machine.spec.host, host != site {
            return move(machine, from: site, to: host)
        }
        return .on(site)
    }

    /// A machine that has no domain: its data says where it belongs.
    private mutating func settle(byVolumesOf machine: VirtualMachine, _ resource: ResourceID) -> Settlement {
        if let absence = whereabouts.absent(of: machine, except: nil) {
            if whereabouts.indices[absence.host] != nil, machine.spec.host == absence.host { return .on(absence.host) }
            block(resource, by: absence.host, "its " + absence.reason)
            return .nowhere
        }
        var sites: [String] = []
        var isCurrent = false
        for volume in machine.volumes {
            for host in whereabouts.hosts(ofVolume: volume) where !sites.contains(host) { sites.append(host) }
            isCurrent = isCurrent || whereabouts.isCurrent(volume)
            let copies = whereabouts.copies(ofVolume: volume)
            if whereabouts.hosts(ofVolume: volume).isEmpty, let copy = copies.min(by: { $0.key < $1.key }) {
                block(
                    resource, by: copy.key,
                    "of its Volume/\(volume) only a copy is left that does not count (\(copy.value.rawValue)), "
                        + "on host \(copy.key)")
                for host in copies.keys {
                    hold(ResourceID(.volume, volume), on: host, "it is all that is left of the disk of \(resource)")
                }
                return .nowhere
            }
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
            // A move may have been cut off before its marks were written: what counts here may be older than what runs there.
            if let gap = whereabouts.gaps(around: machine, except: site).first {
                hold(
                    resource, on: site,
                    "its volumes are on host \(site), and it may be on host \(gap.host), which is unknown: \(gap.area.reason)"
                )
                return .on(site)
            }
            if let host, host != site {
                hold(
                    resource, on: site,
                    "its volumes are on host \(site), and only a machine that is defined moves; name host \(site) first"
                )
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
        guard let lack = lack(of: machine, host) else { return false }
        problems.append(
            Diagnostic(
                code: "no-host", "the host that it names cannot take it: \(lack)",
                help: "name another host", resource: resource, field: "spec.host"))
        return true
    }

    /// What a host lacks that a machine needs, room apart; nil when it lacks nothing.
    mutating func lack(of machine: VirtualMachine, _ host: Int) -> String? {
        let obstacles = reach.lacks(wants(of: machine, ledger.need(of: machine)), host)
        guard !obstacles.isEmpty else { return nil }
        return Refusals(hosts: [(whereabouts.hosts[host].metadata.identity, obstacles)]).text
    }

    /// Where a volume with a document of its own is: where it was seen, else with its machine, else on its pool's first host.
    mutating func settle(_ volume: Volume, user: String?) {
        let id = volume.metadata.identity
        let resource = ResourceID(.volume, id)
        let sites = whereabouts.hosts(ofVolume: id)
        if let home = user.flatMap({ hosts[$0] }),
            whereabouts.copies(ofVolume: id)[home] != nil
                || moves.contains(where: { $0.machine == user && $0.to == home })
        {
            place(volume, on: home, takes: false)
        } else if let site = sites.first(where: { user.map { hosts[$0] } == $0 }) ?? sites.first {
            for other in sites where other != site && held[other]?[resource] == nil {
                hold(resource, on: other, "is on \(Self.list(sites)), and may be on one only")
            }
            place(volume, on: site, takes: user == nil)
        } else if let user {
            if let host = hosts[user] { place(volume, on: host, takes: false) }
        } else if !whereabouts.copies(ofVolume: id).isEmpty {
            settle(volume, byCopies: whereabouts.copies(ofVolume: id), resource)
        } else {
            let candidates = whereabouts.hosts.indices.filter { host in
                whereabouts.standings[host] != .offline
                    && reach.has(volume.spec.pool, host) && isBesideOrigin(volume, host)
            }
            guard let first = candidates.first(where: { whereabouts.standings[$0] == .ready }) ?? candidates.first
            else {
                return
            }
            let host = whereabouts.hosts[first].metadata.identity
            if let absence = whereabouts.absence(of: volume, except: host) {
                block(
                    resource, by: absence.host,
                    absence.isRemembered
                        ? "was last seen on host \(absence.host), which does not answer, and is made nowhere else"
                        : "may be on host \(absence.host), which is off, and nobody remembers the volumes that were there"
                )
                return
            }
            if let gap = whereabouts.gaps(around: volume, except: host).first {
                block(resource, by: gap.host, "host \(gap.host) unknown, and it may be there: \(gap.area.reason)")
                return
            }
            place(volume, on: host, takes: true)
        }
    }

    /// A volume of which a move that was cut off has left no copy that counts, and that no machine of the manifests has any
    /// more. The old one is left only when the new one is whole.
    private mutating func settle(_ volume: Volume, byCopies copies: [String: Volume.Copy], _ resource: ResourceID) {
        let arrived = copies.filter { host, copy in
            copy == .incoming && copies.values.contains(.movedTo(host))
        }.keys
        if let home = arrived.first, arrived.count == 1, whereabouts.gaps(around: volume, except: "").isEmpty {
            place(volume, on: home, takes: true)
            for host in copies.keys where host != home { strays[host, default: [:]][volume.metadata.identity] = home }
            return
        }
        let reason = "of it only copies are left that do not count, on \(Self.list(copies.keys.sorted()))"
        block(resource, by: copies.keys.min() ?? "", reason)
        for host in copies.keys { hold(resource, on: host, reason) }
    }

    /// Whether what a new volume is a copy of is on that host, or nowhere yet.
    private func isBesideOrigin(_ volume: Volume, _ host: Int) -> Bool {
        let moment = volume.spec.snapshotMoment
        let kept = volume.spec.snapshot.flatMap { snapshots.origin($0, at: moment)?.host }.map { [$0] }
        let deleted = volume.spec.deleted.flatMap { snapshots.deleted.origin($0, at: moment)?.hosts }
        let sites = volume.spec.source.map { whereabouts.hosts(ofVolume: $0) } ?? kept ?? deleted ?? []
        return sites.isEmpty || sites.contains(whereabouts.hosts[host].metadata.identity)
    }

    private mutating func place(_ volume: Volume, on host: String, takes: Bool) {
        volumes[volume.metadata.identity] = host
        if takes, let index = whereabouts.indices[host] { ledger.take(volume, on: index) }
    }

    /// `host a`, `hosts a and b`, `hosts a, b and 3 more`.
    static func list(_ hosts: [String]) -> String {
        switch hosts.count {
        case 1: "host \(hosts[0])"
        case 2: "hosts \(hosts[0]) and \(hosts[1])"
        default: "hosts \(hosts[0]), \(hosts[1]) and \(hosts.count - 2) more"
        }
    }
}
