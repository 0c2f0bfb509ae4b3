import Model

/// What there is of deleted volumes on all hosts, as their marks tell, and who starts from it.
struct DeletedVolumes {
    /// One of them, with the hosts that reach it.
    struct Kept {
        var volume: Volume
        var hosts: [String]
        let deleted: Volume.Deleted
    }

    /// For how long what is deleted now stays, in seconds; nil when it does not.
    let keepFor: Int?
    /// By what they were called, the oldest first.
    private let kept: [String: [Kept]]
    /// What the manifests start from, with the resource that says so.
    private let named: [(user: ResourceID, deleted: String, moment: Moment?)]
    private let now: Moment?

    init(_ manifest: FleetManifest, observed: [String: HostInventory], now: Moment?) {
        self.now = now
        keepFor = manifest.fleet.deletedVolumes?.keepFor
        var found: [String: Kept] = [:]
        for (host, inventory) in observed.sorted(by: { $0.key < $1.key }) {
            // What a move left behind is no version of it.
            for volume in inventory.volumes
            where volume.isDeleted && volume.status?.staged == false && volume.status?.mark?.copy == nil {
                guard let deleted = volume.status?.mark?.deleted else { continue }
                // Of a shared pool every host tells the same; what two hosts have of one name and time was one in a move.
                let key = "\(volume.metadata.identity) \(volume.status?.mark?.shared == true ? "" : host)"
                found[key, default: Kept(volume: volume, hosts: [], deleted: deleted)].hosts.append(host)
            }
        }
        kept = Dictionary(grouping: found.values, by: \.deleted.volume).mapValues { all in
            all.sorted { ($0.deleted.moment, $0.hosts.first ?? "") < ($1.deleted.moment, $1.hosts.first ?? "") }
        }
        // A fleet is large, and mostly nothing was deleted.
        named = found.isEmpty ? [] : manifest.startsFromDeleted
    }

    /// What a volume starts from that names one of that name and moment, the last one when no moment is named; nil when there
    /// is none. What a clock that was wrong has left of times to come is not the last one.
    func origin(_ name: String, at moment: Moment?) -> Kept? {
        kept[name]?.last { one in
            moment.map { one.deleted.moment == $0 } ?? now.map { one.deleted.moment <= $0 } ?? true
        }
    }

    /// What stays under that identity.
    func volume(_ identity: String) -> Volume? {
        kept.values.joined().first { $0.volume.metadata.identity == identity }?.volume
    }

    /// The resource of the manifests that starts from it; nil when none does.
    func user(of volume: Volume) -> ResourceID? {
        guard let deleted = volume.status?.mark?.deleted else { return nil }
        return named.first { name in
            name.deleted == deleted.volume
                && origin(name.deleted, at: name.moment)?.volume.metadata.identity == volume.metadata.identity
        }?.user
    }

    /// When the time of the next one is over; nil when there is none. What the manifests start from does not go then.
    var next: Moment? {
        guard let now else { return nil }
        return kept.values.joined().filter { $0.deleted.until > now && user(of: $0.volume) == nil }.map(\.deleted.until)
            .min()
    }
}

extension FleetManifest {
    /// Which deleted volumes others start from.
    fileprivate var startsFromDeleted: [(user: ResourceID, deleted: String, moment: Moment?)] {
        func name(_ user: ResourceID, _ spec: Volume.Spec?) -> (ResourceID, String, Moment?)? {
            guard let spec, let deleted = spec.deleted else { return nil }
            return (user, deleted, spec.snapshotMoment)
        }
        return volumes.compactMap { name(ResourceID(.volume, $0.metadata.identity), $0.spec) }
            + machines.flatMap { machine in
                machine.spec.disks.compactMap {
                    name(ResourceID(.virtualMachine, machine.metadata.identity), $0.declared)
                }
            }
    }
}
