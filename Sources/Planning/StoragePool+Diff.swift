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
            if let clash = observed.foreign.first(where: {
                $0.kind == .pool && ($0.path == pool.spec.path || $0.name == pool.status?.name)
            }) {
                block(
                    resource,
                    "its folder \(pool.spec.path) or its name is that of \(clash.described), which is not ours")
                return
            }
            add(resource, .create, .createPool(pool), reason: "not there")
            return
        }
        if status.uuid != pool.status?.uuid {
            refuse(
                "pool-uuid", "is the pool \(status.uuid.lowercased), and stays that one", resource,
                field: "metadata.uuid", help: Self.uuidHelp(status.uuid, identity.uuid(resource)))
            return
        }
        if seen.spec.path != pool.spec.path {
            refuse(
                "pool-path", "the folder of a pool cannot change from \(seen.spec.path) to \(pool.spec.path)", resource,
                field: "spec.directory.path", help: "declare a second pool and move the volumes to it")
            return
        }
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
        if !status.active {
            note("pool-inactive", "its volumes are seen once it is started; what they need is planned then", resource)
        }
    }

    private mutating func planRemoval(of pool: StoragePool) {
        let id = pool.metadata.identity
        let resource = ResourceID(.storagePool, id)
        if isHeld(resource, area: .storage) { return }
        let users = observed.machines.filter { machine in
            machine.allPaths.contains { $0.hasPrefix(pool.spec.path + "/") }
        }
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
            reason: "not in the manifests; its files stay",
            after: steps.filter { files.contains($0.resource.kind) }.map(\.id) + seeds.sorted()
                + users.flatMap { releases(of: $0.metadata.identity) })
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
    /// Whether it starts a pool, so that more can be seen once it is done.
    public var startsPools: Bool {
        steps.contains { step in
            if case .startPool = step.operation { true } else { false }
        }
    }
}

extension StoragePool {
    /// The pool without what changes by itself, so that an approved plan stays the same plan.
    var withoutCounters: StoragePool {
        var pool = self
        pool.status?.capacity = nil
        pool.status?.available = nil
        return pool
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
