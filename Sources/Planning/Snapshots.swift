import Model

/// What there is of the fleet's snapshots on all hosts, as the marks of the volumes tell that are their parts, and which are to
/// be taken anew.
struct Snapshots {
    /// A snapshot as it was taken at some time.
    struct Generation {
        let moment: Moment
        let host: String
        /// Its parts, by disk, sorted by that.
        let parts: [(disk: String, volume: Volume)]
        /// Whether all of it was seen.
        let isWhole: Bool
        /// Whether all of it is there once the parts have their names that were whole when a run was interrupted.
        let becomesWhole: Bool
        /// Whether it is of what the snapshot is of now. Its manifest may have said something else then.
        let isCurrent: Bool

        /// Whether it is one of those that the snapshot keeps.
        var counts: Bool { isWhole && isCurrent }
    }

    /// Which time of which snapshot on which host.
    private struct Key: Hashable {
        let snapshot: String
        let moment: Moment
        let host: String
    }

    /// Those of the manifests, sorted by identity.
    let declared: [Snapshot]
    /// What was taken of each, the oldest first.
    private let generations: [String: [Generation]]
    /// Hosts and pools of which it is not known what of snapshots they have, with the reason.
    private let gaps: [(place: String, reason: String)]
    /// Which generations volumes of the manifests name.
    private let pinned: [String: Set<Moment>]
    /// What there is of deleted volumes.
    let deleted: DeletedVolumes
    /// The time of the plan; nothing is taken without one.
    let now: Moment?

    /// - Parameter all: what was observed, with the files behind logical units.
    init(
        _ manifest: FleetManifest, observed: [String: HostInventory], all: [String: HostInventory]? = nil, now: Moment?
    ) {
        declared = manifest.snapshots
        self.now = now
        deleted = DeletedVolumes(manifest, observed: all ?? observed, now: now)
        let reused = Set(declared.filter(\.spec.reuse).map(\.metadata.identity))
        var parts: [Key: [(disk: String, volume: Volume)]] = [:]
        var unnamed: [Key: Set<String>] = [:]
        for (host, inventory) in observed {
            for volume in inventory.volumes {
                guard let name = Snapshot.Part.named(by: volume.metadata.identity) else { continue }
                let key = Key(snapshot: name.snapshot, moment: name.moment, host: host)
                if volume.isUnnamed(name.moment) { unnamed[key, default: []].insert(name.disk) }
                guard volume.status?.staged == false, let mark = volume.status?.mark,
                    mark.part?.snapshot == name.snapshot,
                    !mark.retained || reused.contains(name.snapshot)
                else { continue }
                parts[key, default: []].append((name.disk, volume))
            }
        }
        // A fleet is large, and mostly has no snapshots.
        let volumes =
            parts.isEmpty
            ? [] : manifest.volumes.map(\.spec) + manifest.machines.flatMap { $0.spec.disks.compactMap(\.declared) }
        pinned = volumes.reduce(into: [:]) { pinned, spec in
            if let id = spec.snapshot, let moment = spec.snapshotMoment { pinned[id, default: []].insert(moment) }
        }
        let subjects = SnapshotSubjects(manifest)
        let found = parts.map { key, parts in
            let marks = parts.compactMap { $0.volume.status?.mark }
            let missing = Set(marks.flatMap { $0.part?.disks ?? [] }).subtracting(parts.map(\.disk))
            let generation = Generation(
                moment: key.moment, host: key.host, parts: parts.sorted { $0.disk < $1.disk },
                isWhole: missing.isEmpty, becomesWhole: missing.isSubset(of: unnamed[key] ?? []),
                isCurrent: subjects.has(key.snapshot, anyOf: marks.compactMap(\.origin)))
            return (key.snapshot, generation)
        }
        generations = Dictionary(grouping: found, by: \.0).mapValues { all in
            all.map(\.1).sorted { ($0.moment, $0.host) < ($1.moment, $1.host) }
        }
        let unseen = manifest.hosts.map(\.metadata.identity).filter { observed[$0] == nil }
        gaps =
            unseen.map { ("host \($0)", "the host was not observed") }
            + observed.sorted { $0.key < $1.key }.flatMap { host, inventory in
                inventory.unknown.filter { $0.area == .host || $0.area == .storage }.map { area in
                    (area.resource.map { "\($0) on host \(host)" } ?? "host \(host)", area.reason)
                }
            }
    }

    /// A place of which it is not known what was kept there, with the reason; nil when there is none.
    var gap: String? { gaps.first.map { "\($0.place) is unknown, and may have it: \($0.reason)" } }

    /// What was taken of a snapshot, the oldest first.
    func generations(of snapshot: String) -> [Generation] { generations[snapshot] ?? [] }

    /// The generation that a volume starts from, the last that counts when no moment is named; nil when it was not seen, or not
    /// all of it.
    func origin(_ snapshot: String, at moment: Moment?) -> Generation? {
        guard let moment else { return last(of: snapshot) }
        return generations(of: snapshot).last { $0.isWhole && $0.moment == moment }
    }

    /// The last generation that counts. What a clock that was wrong has left of times to come is not the last one.
    func last(of snapshot: String) -> Generation? {
        generations(of: snapshot).last { generation in generation.counts && now.map { generation.moment <= $0 } ?? true
        }
    }

    /// Why it is not known which generation is the last one; nil when it is.
    func doubt(aboutLastOf snapshot: String) -> String? {
        if let gap = gaps.first { return "\(gap.place) is unknown, and may have a newer one: \(gap.reason)" }
        guard let last = last(of: snapshot), let now else { return nil }
        let partial = generations(of: snapshot).last {
            !$0.isWhole && $0.isCurrent && $0.moment > last.moment && $0.moment <= now
        }
        return partial.map { "the one of \($0.moment) is newer and not whole" }
    }

    /// The mark of a part that has not got its name yet, though others of the same time have: they get theirs only once all of them
    /// are whole. Nil of any other unfinished volume.
    func mark(ofUnnamed volume: Volume, on host: String) -> Volume.Mark? {
        guard let name = Snapshot.Part.named(by: volume.metadata.identity) else { return nil }
        guard volume.isUnnamed(name.moment) else { return nil }
        let others = generations(of: name.snapshot).first { $0.moment == name.moment && $0.host == host }?.parts ?? []
        // One gets its name only once all are whole.
        guard let known = others.compactMap({ $0.volume.status?.mark }).first,
            known.part?.disks.contains(name.disk) == true, !others.contains(where: { $0.disk == name.disk })
        else { return nil }
        var mark = known
        mark.id = volume.metadata.identity
        mark.origin = nil
        return mark
    }

    /// When the last one was taken that counts, or does once its parts have their names.
    private func lastTaken(of snapshot: String) -> Moment? {
        generations(of: snapshot).last { generation in
            generation.isCurrent && generation.becomesWhole && now.map { generation.moment <= $0 } ?? true
        }?.moment
    }

    /// Whether a snapshot is to be taken now: it never was, or its schedule says so.
    func isDue(_ snapshot: Snapshot) -> Bool {
        guard let now else { return false }
        guard let last = lastTaken(of: snapshot.metadata.identity) else { return true }
        switch snapshot.spec.schedule {
        case nil: return false
        case .every(let seconds): return last.adding(Int64(seconds)) <= now
        case .daily(let minute):
            let today = now.midnight.adding(Int64(minute) * 60)
            return last < (today <= now ? today : today.adding(-86_400))
        }
    }

    /// When a snapshot is due next; nil when none will be.
    var next: Moment? {
        guard let now else { return nil }
        return declared.compactMap { snapshot -> Moment? in
            let last = lastTaken(of: snapshot.metadata.identity)
            switch snapshot.spec.schedule {
            case nil: return nil
            case .every(let seconds): return (last ?? now).adding(Int64(seconds))
            case .daily(let minute):
                let today = now.midnight.adding(Int64(minute) * 60)
                return today > now ? today : today.adding(86_400)
            }
        }.filter { $0 > now }.min()
    }

    /// Generations beyond those that a snapshot keeps, the oldest first. Only those that are whole and of what it is of now
    /// count, and what the manifests name stays. What a removal that was cut off has left goes with them: since the oldest go
    /// first, it is older than all that count.
    ///
    /// - Parameter isTaken: whether one more is taken now.
    func surplus(of snapshot: Snapshot, isTaken: Bool) -> [Generation] {
        guard let now, snapshot.spec.schedule != nil else { return [] }
        let id = snapshot.metadata.identity
        let whole = generations(of: id).filter { $0.counts && $0.moment <= now }
        let count = whole.count + (isTaken ? 1 : 0) - snapshot.spec.keep
        guard count >= 0, let oldest = whole.first?.moment else { return [] }
        // Not what may be whole where nobody can look.
        let left =
            gaps.isEmpty
            ? generations(of: id).filter { $0.isCurrent && !$0.becomesWhole && $0.moment < oldest } : []
        return (left + whole.prefix(count)).filter { pinned[id]?.contains($0.moment) != true }
    }

    /// What is told of those that are due and of which there is nothing yet to keep.
    func waiting(_ steps: [Step], _ blocked: [Blocked]) -> [Diagnostic] {
        let told = Set(steps.map(\.resource) + blocked.map(\.resource))
        return declared.filter { isDue($0) && !told.contains(ResourceID(.snapshot, $0.metadata.identity)) }.map {
            let subject = $0.spec.references.first { $0.kind != .storagePool }
            return Diagnostic(
                .note, code: "snapshot-waits", "waits for \(subject.map { "\($0)" } ?? "it"), which is not there",
                resource: ResourceID(.snapshot, $0.metadata.identity))
        }
    }

    /// What is told of generations that do not count, but for those that get their names or go now.
    func notCounted(_ steps: [Step]) -> [Diagnostic] {
        let going = Set(steps.filter(\.isRotation).map(\.resource.id))
        return declared.flatMap { snapshot -> [Diagnostic] in
            let id = snapshot.metadata.identity
            return generations(of: id).filter { generation in
                (!generation.isCurrent || !generation.becomesWhole)
                    && !generation.parts.allSatisfy { going.contains($0.volume.metadata.identity) }
            }.map { generation in
                let disks = Set(generation.parts.flatMap { $0.volume.status?.mark?.part?.disks ?? [] })
                let missing = disks.subtracting(generation.parts.map(\.disk)).sorted().joined(separator: ", ")
                let reason = generation.isCurrent ? "is not whole, without \(missing)" : "is of something else than now"
                return Diagnostic(
                    .note, code: "snapshot-not-counted",
                    "the one of \(generation.moment) \(reason): it does not count, and stays",
                    resource: ResourceID(.snapshot, id))
            }
        }
    }

    /// Why it is not known whether a snapshot was ever taken; nil when it is.
    func doubt(about snapshot: Snapshot) -> String? {
        last(of: snapshot.metadata.identity) == nil ? gap : nil
    }

    /// The parts of declared snapshots on a host, as they are to be.
    func kept(on host: String) -> [Volume] {
        declared.flatMap { snapshot in
            generations(of: snapshot.metadata.identity).filter { $0.host == host }.flatMap(\.parts).map { part in
                var volume = part.volume
                volume.spec.deletion = snapshot.spec.deletion
                volume.spec.reuse = snapshot.spec.reuse
                volume.status?.mark?.deletion = snapshot.spec.deletion
                volume.status?.mark?.retained = false
                volume.status?.mark?.deleted = nil
                return volume
            }
        }
    }
}

extension Volume {
    /// Whether it may be a part of a snapshot of that time that has not got its name yet. A logical volume says so from the beginning
    /// on, and no more once it is being wiped.
    fileprivate func isUnnamed(_ moment: Moment) -> Bool {
        status?.staged == true && (status?.isLogical != true || status?.mark?.part?.moment == moment)
    }
}

extension Snapshot.Spec {
    /// What a snapshot refers to.
    var references: [ResourceID] {
        [machine.map { ResourceID(.virtualMachine, $0) }, volume.map { ResourceID(.volume, $0) }]
            .compactMap(\.self) + (pool.map { [ResourceID(.storagePool, $0)] } ?? [])
    }
}
