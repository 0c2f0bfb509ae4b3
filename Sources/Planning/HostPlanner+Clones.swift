import Model

/// Volumes that begin as copies of others.
extension HostPlanner {
    /// Those that begin as copies of others, each behind the one that it is a copy of.
    static func byOrigin(_ volumes: [Volume]) -> [Volume] {
        var left = volumes.filter { $0.spec.source != nil }
        var result: [Volume] = []
        while !left.isEmpty {
            let waiting = Set(left.map(\.metadata.identity))
            let ready = left.filter { !waiting.contains($0.spec.source ?? "") }
            // A circle is refused with the manifests.
            guard !ready.isEmpty else { return result + left }
            result += ready
            left.removeAll { !waiting.contains($0.spec.source ?? "") }
        }
        return result
    }

    /// A new volume is a copy of another as that is once what is to be done to it is done.
    ///
    /// - Parameter name: what the manifests call it; that volume when nil.
    mutating func planCopy(of source: String, to volume: Volume, _ resource: ResourceID, as name: ResourceID? = nil) {
        let origin = ResourceID(.volume, source)
        let declared = expectation.inventory.volumes.first { $0.metadata.identity == source }
        guard let wanted = declared ?? expectation.snapshots.deleted.volume(source) else {
            block(resource, "\(origin), which it is a copy of, is on another host; name that host")
            return
        }
        guard wanted.spec.size <= volume.spec.size else {
            block(
                resource, "volume-size", "\(volume.spec.size) is smaller than \(origin), which has \(wanted.spec.size)",
                field: "spec.size", help: "at least \(wanted.spec.size)")
            return
        }
        let seen = observed.volumes.first { $0.metadata.identity == source && $0.status?.staged != true }
        if let seen, let reason = elsewhere(seen) {
            block(resource, "what it is a copy of is not whole: \(reason)")
            return
        }
        let paths = [seen, wanted].compactMap { $0?.status?.path }
        let user = observed.machines.first { machine in
            machine.status?.state.isActive == true
                && (machine.status?.live ?? machine.spec).disks.contains { paths.contains($0.path ?? "") }
        }
        let disk = user.flatMap { machine in
            (machine.status?.live ?? machine.spec).disks.first { paths.contains($0.path ?? "") }?.name
        }
        if user == nil, let seen, let silent = shared.silentHost(of: seen.spec.pool) {
            block(resource, "\(origin), which it is a copy of, may be in use on host \(silent), which does not answer")
            return
        }
        if user == nil, let seen, let doubt = doubt(aboutUserOf: source, seen.status?.path ?? "") {
            block(resource, "\(origin), which it is a copy of, is not known to be at rest: \(doubt)")
            return
        }
        if let user, transit.departing[user.metadata.identity] != nil {
            block(resource, "\(origin), which it is a copy of, moves to another host now; apply again")
            return
        }
        let pool = ResourceID(.storagePool, volume.spec.pool)
        let isThin = expectation.inventory.pools.contains {
            $0.metadata.identity == volume.spec.pool && $0.spec.lvm?.thinPool != nil
        }
        let place = (poolMoves[origin] == nil ? wanted : seen ?? wanted).spec.pool
        guard volume.spec.clone == .full || isThin && place == volume.spec.pool else {
            block(
                resource, "volume-source",
                "only what lies in the same thin pool can share its blocks with \(origin), which may be written to",
                field: "spec.from", help: "write clone: full")
            return
        }
        // Of what moves to another pool it is made before: both cannot be done to a disk at once.
        let moving = poolMoves[origin] == nil ? nil : seen
        if moving != nil { hold(origin, until: id(resource, "create")) }
        add(
            resource, .create,
            .cloneVolume(volume, from: (moving ?? wanted).withoutCounters, machine: user?.asTarget, disk: disk),
            reason: "not there, from \(name.map { "\($0): " } ?? "")\(origin)"
                + (user.map { ", which VirtualMachine/\($0.metadata.identity) goes on with" } ?? ""),
            changes: [FieldChange("spec.size", old: nil, new: volume.spec.size.description)],
            after: [id(pool, "create"), id(pool, "start")] + stagedRemoval(of: volume.status?.path)
                + (moving == nil ? steps(before: origin) : []))
        clones[origin, default: []].append(id(resource, "create"))
    }

    /// What moves to another pool waits for a step.
    private mutating func hold(_ volume: ResourceID, until step: String) {
        for index in steps.indices where steps[index].resource == volume {
            switch steps[index].operation {
            case .createVolume, .copyWithin, .moveDisk: steps[index].after.append(step)
            default: break
            }
        }
    }
}
