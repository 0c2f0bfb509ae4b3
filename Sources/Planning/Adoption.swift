import Foundation
import Model

/// What the manifests name of what is on a host and carries no mark. From here on it counts as observed among ours, and
/// the steps that mark it come before all that is done to it.
struct Adoption {
    /// What was observed, with what is adopted among ours.
    var inventory: HostInventory
    private(set) var steps: [Step] = []
    /// What is named and cannot be adopted now, with the reason.
    private(set) var blocked: [ResourceID: String] = [:]
    /// What is named and is somebody else's.
    private(set) var problems: [Diagnostic] = []
    let identity: Identity
    let manifest: Lookup

    init(
        _ manifest: Lookup, machines: [VirtualMachine], volumes: [Volume], observed: HostInventory, identity: Identity
    ) {
        inventory = observed
        self.identity = identity
        self.manifest = manifest
        guard !observed.unknown.contains(where: { $0.area == .host && $0.resource == nil }) else { return }
        for pool in manifest.fleet.pools where pool.isOn(host: host) { adopt(pool) }
        for volume in volumes { adopt(volume) }
        for network in manifest.fleet.networks { adopt(network) }
        for machine in machines { adopt(machine) }
    }

    var host: String { inventory.host.metadata.identity }

    /// The steps by which a resource becomes ours; none for one that is ours or is to be made.
    func steps(of resource: ResourceID) -> [String] { steps.filter { $0.resource == resource }.map(\.id) }

    /// Adds the step that marks something.
    mutating func add(
        _ resource: ResourceID, _ operation: Operation, changes: [FieldChange], after: [ResourceID] = []
    ) {
        steps.append(
            Step(
                host: host, resource: resource, action: .adopt, operation: operation,
                reason: "is there and not ours; stays as it is and gets our mark", changes: changes,
                after: after.flatMap { steps(of: $0) }))
    }

    /// Says why what a manifest names is not adopted. What belongs to another fleet is an error, the rest may change.
    mutating func refuse(_ resource: ResourceID, _ what: String, field: String, found: ForeignObject?) {
        if let found, !found.owner.isEmpty {
            problems.append(
                Diagnostic(
                    code: "adopt-foreign", "\(found.described) is somebody else's and is not adopted",
                    help: "remove it from that fleet first", resource: resource, field: field))
            blocked[resource] = "\(found.described) is not ours"
        } else if let obstacle = found?.obstacle {
            blocked[resource] = "\(found?.described ?? what) cannot be adopted: \(obstacle)"
        } else {
            blocked[resource] = "there is no \(what), and what is named as it is there is never made"
        }
    }

    func isUnknown(_ area: UnknownArea.Area, _ resources: ResourceID...) -> Bool {
        inventory.unknown.contains { unknown in
            unknown.area == area && (unknown.resource.map(resources.contains) ?? true)
        }
    }

    private mutating func adopt(_ pool: StoragePool) {
        let id = pool.metadata.identity
        let resource = ResourceID(.storagePool, id)
        guard let uuid = pool.metadata.uuid, !inventory.pools.contains(where: { $0.metadata.identity == id }),
            !isUnknown(.storage, resource)
        else { return }
        let isIt = { (object: ForeignObject) in object.kind == .pool && object.uuid == uuid.lowercased }
        guard let found = inventory.adoptable.pools.first(where: { $0.status?.uuid == uuid }),
            found.spec.backend == pool.spec.backend
        else {
            refuse(
                resource, "storage pool \(uuid.lowercased) in \(pool.spec.folder)", field: "metadata.uuid",
                found: inventory.foreign.first(where: isIt))
            return
        }
        var adopted = pool
        adopted.status = found.status
        inventory.pools.append(adopted)
        inventory.foreign.removeAll(where: isIt)
        add(
            resource, .adoptPool(adopted.withoutCounters),
            changes: [FieldChange("status.name", old: nil, new: found.metadata.name)])
    }

    private mutating func adopt(_ volume: Volume) {
        let id = volume.metadata.identity
        let resource = ResourceID(.volume, id)
        let pool = ResourceID(.storagePool, volume.spec.pool)
        guard let file = volume.spec.file, let path = manifest.path(of: volume),
            !inventory.volumes.contains(where: { $0.metadata.identity == id && $0.status?.staged != true }),
            blocked[pool] == nil, !isUnknown(.storage, resource, pool)
        else { return }
        let isIt = { (object: ForeignObject) in object.kind == .file && object.name == path }
        guard let found = inventory.adoptable.volumes.first(where: { $0.status?.path == path }),
            found.spec.format == volume.spec.format
        else {
            refuse(
                resource,
                path.hasPrefix("/dev/") ? "logical volume \(path)" : "\(volume.spec.format.rawValue) file \(path)",
                field: "spec.file",
                found: inventory.foreign.first(where: isIt))
            return
        }
        var adopted = found
        adopted.metadata = Metadata(name: id)
        adopted.spec.pool = volume.spec.pool
        adopted.spec.file = file
        adopted.spec.deletion = volume.spec.deletion
        adopted.status?.uuid = identity.uuid(resource)
        adopted.status?.mark = Volume.Mark(
            fleet: identity.fleet, id: id, deletion: volume.spec.deletion, file: file, format: volume.spec.format)
        inventory.volumes.append(adopted)
        inventory.foreign.removeAll(where: isIt)
        add(
            resource, .adoptVolume(adopted.withoutCounters),
            changes: [FieldChange("status.path", old: nil, new: path)], after: [pool])
    }

    private mutating func adopt(_ network: Network) {
        let id = network.metadata.identity
        let resource = ResourceID(.network, id)
        guard !isUnknown(.network, resource) else { return }
        let links = inventory.adoptable.networks.compactMap(\.status)
        let seen = inventory.networks.first { $0.metadata.identity == id }
        var adopted = seen ?? network
        adopted.status = seen?.status ?? Network.Status(host: host, uuid: identity.uuid(resource))
        if let name = network.spec.bridgeName, seen?.status?.bridge == nil,
            let bridge = links.compactMap(\.bridge).first(where: { $0.name == name })
        {
            adopted.status?.bridge = bridge
            add(
                resource, .adoptBridge(adopted), changes: [FieldChange("status.bridge.name", old: nil, new: name)])
        }
        if let name = network.spec.vxlan?.name, seen?.status?.tunnel == nil,
            let tunnel = links.compactMap(\.tunnel).first(where: { $0.name == name })
        {
            adopted.status?.tunnel = tunnel
            add(resource, .adoptTunnel(adopted), changes: [FieldChange("status.vxlan.name", old: nil, new: name)])
        }
        guard adopted.status != seen?.status, !steps(of: resource).isEmpty else { return }
        let names = [adopted.status?.bridge?.name, adopted.status?.tunnel?.name]
        inventory.foreign.removeAll { $0.kind == .link && names.contains($0.name) }
        inventory.networks.removeAll { $0.metadata.identity == id }
        inventory.networks.append(adopted)
    }
}

extension Lookup {
    /// Where a declared volume is to lie; nil when its pool is not declared.
    func path(of volume: Volume) -> String? {
        pools[volume.spec.pool].map {
            Identity(fleet: fleet.fleet.uuid).path(of: volume.metadata.identity, volume.spec, in: $0.spec)
        }
    }
}
