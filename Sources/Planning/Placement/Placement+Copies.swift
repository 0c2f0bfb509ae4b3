import Model

extension Placement {
    /// The host that a machine is on which was seen on several, when a move that was cut off explains the others; nil when
    /// nothing does.
    ///
    /// One that runs is where it is. What is left elsewhere goes when it never ran there, or when the volumes tell that the
    /// machine came from there. Of several that are off, the one whose volumes count is it.
    mutating func home(of machine: VirtualMachine, among sites: [String]) -> String? {
        let id = machine.metadata.identity
        let seen = sites.compactMap { site in whereabouts.machine(id, on: site).map { (site, $0) } }
        // One that is only adoptable somewhere, or of which something may be where nobody could look.
        guard seen.count == sites.count, whereabouts.gaps(around: machine, except: nil).isEmpty else { return nil }
        let running = seen.filter { $0.1.status?.state == .running }
        let lasting = seen.filter { $0.1.status?.persistent != false }
        let home: String
        if running.count == 1 {
            home = running[0].0
        } else if running.isEmpty, lasting.count == 1 {
            home = lasting[0].0
        } else if running.isEmpty, lasting.allSatisfy({ $0.1.status?.state.isActive == false }),
            let site = lasting.map(\.0).first(where: { counts(machine, on: $0) })
        {
            home = site
        } else if running.isEmpty, lasting.allSatisfy({ $0.1.status?.state.isActive == false }),
            let first = lasting.first, lasting.allSatisfy({ isShared($0.1, with: first.1) })
        {
            // There is one disk, so either is it; but one that was said to be off has the older definition.
            let sites = lasting.map(\.0)
            let lasting = sites.filter { !whereabouts.hasReturned(id, on: $0) }
            let candidates = lasting.isEmpty ? sites : lasting
            home = candidates.first { $0 == machine.spec.host } ?? candidates.first ?? first.0
        } else {
            return nil
        }
        let chosen = seen.first { $0.0 == home }?.1
        for (site, other) in seen where site != home {
            let hasReturned = whereabouts.hasReturned(id, on: site)
            // One that is paused with all that it had in memory is no leaving of a move there.
            if hasReturned, other.status?.state == .paused, other.status?.persistent != false { return nil }
            // One that was started without a definition and is paused waits for a machine that never came.
            let isArrival = other.status?.persistent == false && other.status?.state == .paused
            guard
                isArrival || came(machine, from: site, to: home)
                    || isShared(other, with: chosen, hasReturned: hasReturned)
            else { return nil }
        }
        for site in sites where site != home { left[site, default: [:]][id] = home }
        unsettled.insert(id)
        return home
    }

    /// Whether a machine that does not run here is there with the same disks, all of them in shared pools: it can only have
    /// moved, and has left nothing but its definition.
    ///
    /// - Parameter hasReturned: whether its host was said to be off.
    private func isShared(
        _ left: VirtualMachine, with other: VirtualMachine?, hasReturned: Bool = false
    ) -> Bool {
        guard let other, left.status?.state != .running, left.status?.state != .saved else { return false }
        let paths = Set(left.spec.disks.map(\.path))
        guard !paths.isEmpty, paths.allSatisfy(whereabouts.shared.hold) else { return false }
        let others = Set(other.spec.disks.map(\.path))
        // One that started elsewhere while its host was said to be off may have got other disks since.
        return hasReturned && left.status?.state.isActive == false ? !paths.isDisjoint(with: others) : paths == others
    }

    /// Whether all of a machine's volumes count on that host.
    private func counts(_ machine: VirtualMachine, on host: String) -> Bool {
        !machine.volumes.isEmpty && machine.volumes.allSatisfy { whereabouts.hosts(ofVolume: $0) == [host] }
    }

    /// Whether the volumes of a machine tell that it moved.
    private func came(_ machine: VirtualMachine, from old: String, to new: String) -> Bool {
        machine.volumes.contains { volume in
            let copies = whereabouts.copies(ofVolume: volume)
            return copies[new] == .incoming || copies[old] == .movedTo(new)
        }
    }

    /// Says which copies of a machine's volumes go, and holds what cannot be told.
    ///
    /// The machine's domain is on `site`. The copy there counts, unless it was left behind and the one that it was left for
    /// counts: then the domain has still to follow.
    /// - Returns: the host to which a move that was begun goes on.
    mutating func settleCopies(
        of machine: VirtualMachine, on site: String, _ resource: ResourceID
    ) -> String? {
        var begun: String?
        let aim = begunTarget(of: machine, on: site)
        for volume in machine.volumes {
            let counting = whereabouts.isCurrent(volume) ? whereabouts.hosts(ofVolume: volume) : []
            let copies = whereabouts.copies(ofVolume: volume)
            if copies.isEmpty {
                for copy in counting where copy != site && counting.contains(site) {
                    hold(ResourceID(.volume, volume), on: copy, "a copy of what is on host \(site), beside its machine")
                }
                if !counting.isEmpty, !counting.contains(site) { holdAway(volume, counting, resource, on: site) }
                continue
            }
            let gap = whereabouts.gaps(around: machine, except: nil).first
            let others = Set(counting).union(copies.keys).subtracting([site])
            if let gap {
                let reason = "what a move has left is not touched while host \(gap.host) is unknown: \(gap.area.reason)"
                for host in others.union([site]) { hold(ResourceID(.volume, volume), on: host, reason) }
                continue
            }
            switch copies[site] {
            case nil where counting.contains(site):
                for host in counting where host != site {
                    hold(ResourceID(.volume, volume), on: host, "a copy of what is on host \(site), beside its machine")
                }
                for host in copies.keys { strays[host, default: [:]][volume] = site }
            case nil: holdAway(volume, counting + copies.keys.sorted(), resource, on: site)
            case .incoming:
                unsettled.insert(machine.metadata.identity)
                for host in others { strays[host, default: [:]][volume] = site }
            // `PoolCopies` has taken these out.
            case .incomingFrom, .movedToPool: continue
            case .movedTo(let target):
                guard counting == [target] else {
                    // Another disk counts there already: this one follows, and does not take that one back.
                    if counting.isEmpty, target == aim { continue }
                    if counting.isEmpty {
                        unsettled.insert(machine.metadata.identity)
                        for host in others { strays[host, default: [:]][volume] = site }
                    } else {
                        holdAway(volume, counting, resource, on: site)
                    }
                    continue
                }
                let isActive =
                    whereabouts.state(of: machine.metadata.identity, on: site)?.isActive ?? true
                if isActive {
                    hold(
                        resource, on: site,
                        "runs with Volume/\(volume), of which the copy on host \(target) counts; what it wrote here since is lost when that "
                            + "copy is taken: save it, then end it here")
                } else {
                    begun = target
                }
            }
        }
        return held[site]?[resource] == nil ? begun : nil
    }

    /// The host to which a disk of a machine that is off has moved already, before its domain.
    private func begunTarget(of machine: VirtualMachine, on site: String) -> String? {
        guard whereabouts.hasCopies,
            whereabouts.state(of: machine.metadata.identity, on: site)?.isActive == false
        else { return nil }
        return machine.volumes.lazy.compactMap { volume in
            guard case .movedTo(let target)? = whereabouts.copies(ofVolume: volume)[site],
                whereabouts.isCurrent(volume),
                whereabouts.hosts(ofVolume: volume) == [target]
            else { return nil }
            return target
        }.first
    }

    private mutating func holdAway(_ volume: String, _ hosts: [String], _ resource: ResourceID, on site: String) {
        hold(resource, on: site, "its Volume/\(volume) is on \(Self.list(hosts))")
        for host in hosts { hold(ResourceID(.volume, volume), on: host, "its machine is on host \(site)") }
    }
}
