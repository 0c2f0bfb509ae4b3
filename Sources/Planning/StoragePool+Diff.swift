import Foundation
import Model

extension HostPlanner {
    /// Pools first: everything that is a file needs one.
    mutating func planPools() {
        let seen = Dictionary(
            observed.pools.map { ($0.metadata.identity, $0) }, uniquingKeysWith: { first, _ in first })
        for pool in expectation.inventory.pools { plan(pool, seen[pool.metadata.identity]) }
    }

    /// Pools that are not in the manifests, after all that lies in them.
    mutating func planLeavingPools() {
        let wanted = Set(expectation.inventory.pools.map(\.metadata.identity))
        for pool in observed.pools where !wanted.contains(pool.metadata.identity) { planRemoval(of: pool) }
    }

    private mutating func plan(_ pool: StoragePool, _ seen: StoragePool?) {
        let resource = ResourceID(.storagePool, pool.metadata.identity)
        guard let seen, let status = seen.status else {
            if isHeld(resource, area: .storage) { return }
            switch pool.spec.backend {
            case .directory(let path): planNewFolder(pool, path, resource)
            case .nfs(let nfs): planNewMount(pool, nfs, resource)
            case .lvm(let lvm): planNewGroup(pool, lvm, resource)
            // What is on a server is the server's; where none was looked at nothing is known of it.
            case .iscsi, .rbd: block(resource, "was not looked at")
            }
            return
        }
        if status.uuid != pool.status?.uuid {
            refuse(
                "pool-uuid", "is the pool \(status.uuid.lowercased), and stays that one", resource,
                field: "metadata.uuid", help: Self.uuidHelp(status.uuid, identity.uuid(resource)))
            return
        }
        switch (pool.spec.backend, seen.spec.backend) {
        case (.directory(let path), .directory(let old)) where path != old:
            refuse(
                "pool-path", "the folder of a pool cannot change from \(old) to \(path)", resource,
                field: "spec.directory.path", help: "declare a second pool and move the volumes to it")
        case (.nfs(let nfs), .nfs(let old)) where nfs != old:
            refuse(
                "pool-path",
                "what a pool mounts cannot change from \(old.source) at \(old.path) to \(nfs.source) at \(nfs.path)",
                resource, field: "spec.nfs", help: "declare a second pool and copy the volumes to it")
        case (.directory, .directory), (.nfs, .nfs): planStart(of: pool, status, resource)
        case (.lvm(let lvm), .lvm(let old)): plan(pool, lvm, seen: seen, old)
        case (.iscsi, .iscsi), (.rbd, .rbd): break
        case (.directory, _), (.lvm, _), (.nfs, _), (.iscsi, _), (.rbd, _):
            refuse(
                "pool-path", "the pool is \(seen.spec.place); it cannot become \(pool.spec.place)", resource,
                field: "spec", help: "declare a second pool and move the volumes to it")
        }
    }

    private mutating func planNewFolder(_ pool: StoragePool, _ path: String, _ resource: ResourceID) {
        if let clash = observed.foreign.first(where: {
            $0.kind == .pool && ($0.path == path || $0.name == pool.status?.name)
        }) {
            block(resource, "its folder \(path) or its name is that of \(clash.described), which is not ours")
            return
        }
        // Of a shared folder one host makes what the others find; each mounts an export for itself.
        let first = pool.spec.nfs == nil ? shared.steps[resource.id] : nil
        add(resource, .create, .createPool(pool), reason: "not there", after: first.map { [$0] } ?? [])
    }

    /// What lies in it is seen once it is mounted; until then nobody knows that it is empty.
    private mutating func planNewMount(_ pool: StoragePool, _ nfs: StoragePool.NFS, _ resource: ResourceID) {
        planNewFolder(pool, nfs.path, resource)
        guard !isBlocked(resource) else { return }
        observed.unknown.append(UnknownArea(.storage, resource: resource, reason: "it is not mounted yet"))
        noteInactive(resource)
    }

    private mutating func noteInactive(_ resource: ResourceID) {
        note("pool-inactive", "its volumes are seen once it is started; what they need is planned then", resource)
    }

    private mutating func planStart(of pool: StoragePool, _ status: StoragePool.Status, _ resource: ResourceID) {
        guard !status.active || !status.autostart else { return }
        if let reason = observed.unknown.first(where: { $0.area == .host })?.reason {
            block(resource, "the host could not be observed: \(reason)")
            return
        }
        add(
            resource, .update, .startPool(pool), reason: status.active ? "does not start with the host" : "not started",
            changes: [
                FieldChange("status.active", old: String(status.active), new: "true"),
                FieldChange("status.autostart", old: String(status.autostart), new: "true"),
            ].filter { $0.old != $0.new })
        if !status.active { noteInactive(resource) }
    }

    private mutating func planRemoval(of pool: StoragePool) {
        let id = pool.metadata.identity
        let resource = ResourceID(.storagePool, id)
        // Nothing of a target or a cluster is on the host.
        if pool.spec.isRemote { return }
        let users = observed.machines.filter { machine in
            machine.allPaths.contains { $0.hasPrefix(pool.spec.folder + "/") }
        }
        // What is in one that is not started cannot be seen, and stays. It is for those that use it that it is looked at.
        let isIdle = pool.status?.active == false && pool.spec.lvm == nil && users.isEmpty
        let isKnown = !observed.unknown.contains { [.host, .storage].contains($0.area) && $0.resource == nil }
        if !(isIdle && isKnown && !isBlocked(resource)), isHeld(resource, area: .storage) { return }
        if let reason = reasonToStay(users) {
            block(resource, reason)
            return
        }
        let files = Set([ResourceKind.volume, .image])
        if pool.status?.uuid != identity.uuid(resource) {
            add(
                resource, .release, .releasePool(pool.withoutCounters),
                reason: "not in the manifests; it was there before and stays",
                after: steps.filter { files.contains($0.resource.kind) }.map(\.id)
                    + users.flatMap { releases(of: $0.metadata.identity) })
            return
        }
        let seeds = observed.seeds.keys.map { self.id(ResourceID(.virtualMachine, $0), "remove-seed") }
        add(
            resource, .delete, .removePool(pool.withoutCounters), .live,
            reason: "not in the manifests; its \(pool.spec.lvm == nil ? "files" : "volumes") stay",
            after: steps.filter { files.contains($0.resource.kind) }.map(\.id) + seeds.sorted()
                + users.flatMap { releases(of: $0.metadata.identity) })
    }

    /// Whether a pool is declared and not there, though files of it may be.
    func isUnmade(pool id: String) -> Bool { !observed.pools.contains { $0.metadata.identity == id } }

    /// Puts what is done to files after the making of their pool. Where that is not made, nothing is done to them. What takes room
    /// comes after what gives a group more.
    mutating func waitForPools() {
        let going = roomOfWhatGoes
        for index in steps.indices {
            guard let pool = steps[index].operation.roomTaken else { continue }
            steps[index].after +=
                ["extend", "grow"].map { id(ResourceID(.storagePool, pool), $0) } + (going[pool] ?? [])
        }
        let unmade = expectation.inventory.pools.filter { isUnmade(pool: $0.metadata.identity) }
        guard !unmade.isEmpty else { return }
        let made = Set(steps.map(\.id))
        steps = steps.compactMap { step in
            guard let path = step.operation.file,
                let pool = unmade.first(where: { path.hasPrefix($0.spec.folder + "/") })
            else { return step }
            let creation = id(ResourceID(.storagePool, pool.metadata.identity), "create")
            guard made.contains(creation) else { return nil }
            var step = step
            if !step.after.contains(creation) { step.after.append(creation) }
            return step
        }
    }

    /// The steps by which deleted volumes go that have stayed until now, by pool: what they had is not promised any more.
    private var roomOfWhatGoes: [String: [String]] {
        let pools = observed.volumes.filter(\.isDeleted).reduce(into: [ResourceID: String]()) {
            $0[ResourceID(.volume, $1.metadata.identity)] = $1.spec.pool
        }
        guard !pools.isEmpty else { return [:] }
        return steps.reduce(into: [:]) { going, step in
            guard let pool = pools[step.resource], step.action == .delete, options.allows(step) else { return }
            going[pool, default: []].append(step.id)
        }
    }

    /// How to say which object a resource is.
    static func uuidHelp(_ seen: UUID, _ derived: UUID) -> String {
        seen == derived ? "leave metadata.uuid out" : "write metadata.uuid: \(seen.lowercased)"
    }

    /// The steps after which a machine no longer uses what it uses now.
    func releases(of machine: String) -> [String] {
        ["update", "restart", "stop", "undefine", "drop"].map { id(ResourceID(.virtualMachine, machine), $0) }
            + [transit.departing[machine]?.step].compactMap(\.self)
    }
}

extension Plan {
    /// Whether it starts or mounts a pool, so that more can be seen once it is done.
    public var startsPools: Bool {
        steps.contains { step in
            switch step.operation {
            case .startPool: true
            case .createPool(let pool): pool.spec.nfs != nil
            default: false
            }
        }
    }
}

extension StoragePool {
    /// The pool without what changes by itself, so that an approved plan stays the same plan.
    var withoutCounters: StoragePool {
        var pool = self
        pool.status?.capacity = nil
        pool.status?.available = nil
        pool.status?.group?.thinPool?.dataPercent = nil
        pool.status?.group?.thinPool?.metadataPercent = nil
        return pool
    }
}

extension StoragePool.Spec {
    /// What keeps the volumes, as messages name it.
    fileprivate var place: String { nfs?.source ?? folder }
}

extension HostInventory {
    /// Leaves out files in folders of pools that are neither there nor to be: nothing can be done to them. Volumes that were
    /// kept there are listed.
    func withoutFilesOfNoPool(besides expected: [StoragePool]) -> HostInventory {
        let ids = Set((pools + expected).map(\.metadata.identity))
        guard
            !volumes.allSatisfy({ ids.contains($0.spec.pool) })
                || !images.allSatisfy({ ids.contains($0.status?.pool ?? "") }) || (!seeds.isEmpty && ids.isEmpty)
        else { return self }
        let folders = (pools + expected).map { $0.spec.folder + "/" }
        var inventory = self
        inventory.volumes.removeAll {
            !ids.contains($0.spec.pool)
                && ($0.status?.mark.map { !$0.retained || $0.deletion == .delete } ?? true)
        }
        inventory.images.removeAll { !ids.contains($0.status?.pool ?? "") }
        inventory.seeds = seeds.filter { seed in folders.contains { seed.value.path.hasPrefix($0) } }
        return inventory
    }
}

extension Operation {
    /// The pool, by identity, of which it takes room.
    fileprivate var roomTaken: String? {
        switch self {
        case .createVolume(let volume), .growVolume(let volume), .growDisk(let volume, _, _),
            .cloneVolume(let volume, _, _, _):
            volume.spec.pool
        default: nil
        }
    }

    /// The file in a pool's folder that it makes, changes or removes, where it needs the pool for that.
    var file: String? {
        switch self {
        case .importImage(let image), .removeImage(let image): image.status?.path
        case .createVolume(let volume), .growVolume(let volume), .markVolume(let volume), .removeVolume(let volume),
            .copyVolume(let volume, _), .removeCopy(let volume, _), .finishPart(let volume), .rotatePart(let volume, _),
            .keepDeleted(let volume, _), .expireDeleted(let volume), .mapUnit(let volume), .unmapUnit(let volume, _):
            volume.status?.path
        case .removeStaged(let path), .writeSeed(let path, _, _), .removeSeed(let path, _): path
        default: nil
        }
    }
}

extension ForeignObject {
    /// What and whose it is, for a reader.
    var described: String { "\(kind.rawValue) \(name)" + (owner.isEmpty ? "" : " (\(owner))") }
}

extension VirtualMachine {
    /// Every path that the persistent or the running definition names.
    var allPaths: Set<String> {
        var paths: Set<String> = []
        for spec in [spec, status?.live].compactMap(\.self) {
            paths.formUnion(spec.disks.compactMap(\.path))
            paths.formUnion([spec.boot?.kernelPath, spec.boot?.initrdPath, spec.seed?.path].compactMap(\.self))
        }
        return paths
    }

    /// Every bridge that the persistent or the running definition names.
    var allBridges: Set<String> {
        Set([spec, status?.live].compactMap(\.self).flatMap { $0.interfaces.compactMap(\.bridge) })
    }
}
