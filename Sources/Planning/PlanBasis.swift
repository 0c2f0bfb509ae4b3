public import Foundation
public import Model

/// What a plan was made from, as far as its steps and the placement of its machines read it: a stored plan is done only
/// while all of it holds. Counters, such as free space, are no part of it.
public struct PlanBasis: Hashable, Sendable, Codable {
    /// The UUID of each host, by the host's identity; none for one that was not observed.
    public var roster: [String: UUID]
    /// The fields of every object that a step is about or refers to, by `host/Kind/id`. What was not there is missing.
    public var objects: [String: [String: String]]

    /// The basis of a plan that was made from these.
    public init(_ plan: Plan, _ manifest: FleetManifest, observed: [String: HostInventory]) {
        roster = observed.compactMapValues { $0.host.status?.uuid }
        objects = [:]
        let steps = plan.steps.reduce(into: [String: [Step]]()) { steps, step in
            for host in step.hosts { steps[host, default: []].append(step) }
        }
        for (host, steps) in steps {
            guard let inventory = observed[host] else { continue }
            let read = Self.read(by: steps, manifest, inventory)
            add(inventory.pools.map(\.withoutCounters), read, host)
            add(inventory.images, read, host)
            add(inventory.networks, read, host)
            add(inventory.volumes, read, host, except: ["status.allocation"])
            add(inventory.machines, read, host)
            add(adoptedBy: steps, inventory.adoptable, host)
            if read.contains(ResourceID(.host, host)), let firewall = inventory.firewall {
                objects["\(host)/firewall"] = Self.fields(of: firewall)
            }
            for file in inventory.boot?.files ?? [] where read.contains(ResourceID(.network, file.network)) {
                objects["\(host)/\(file.name)"] = Self.fields(of: file)
            }
            if read.contains(ResourceID(.host, host)), let evpn = inventory.evpn {
                objects["\(host)/evpn"] = Self.fields(of: evpn)
            }
            for (machine, seed) in inventory.seeds where read.contains(ResourceID(.virtualMachine, machine)) {
                objects["\(host)/seed of \(machine)"] = Self.fields(of: seed)
            }
        }
    }

    /// In which ways another basis differs, in words; none when both say the same.
    public func changes(to now: PlanBasis) -> [String] {
        var changes: [String] = []
        for host in Set(roster.keys).union(now.roster.keys).sorted() where roster[host] != now.roster[host] {
            changes.append("host \(host) is \(now.roster[host]?.lowercased ?? "unknown")")
        }
        for key in Set(objects.keys).union(now.objects.keys).sorted() {
            switch (objects[key], now.objects[key]) {
            case (nil, nil): continue
            case (.some, nil): changes.append("\(key) is gone")
            case (nil, .some): changes.append("\(key) is there")
            case (let old?, let new?):
                for field in Set(old.keys).union(new.keys).sorted() where old[field] != new[field] {
                    changes.append("\(key): \(field) was \(old[field] ?? "nothing"), is \(new[field] ?? "nothing")")
                }
            }
        }
        return changes
    }

    /// What steps are about and refer to.
    private static func read(
        by steps: [Step], _ manifest: FleetManifest, _ inventory: HostInventory
    ) -> Set<ResourceID> {
        var read = Set(steps.map(\.resource))
        for snapshot in manifest.snapshots where read.contains(ResourceID(.snapshot, snapshot.metadata.identity)) {
            let id = snapshot.metadata.identity
            read.formUnion(snapshot.spec.references)
            let parts = inventory.volumes.filter { $0.status?.mark?.part?.snapshot == id }
            read.formUnion(parts.map { ResourceID(.volume, $0.metadata.identity) })
        }
        for machine in manifest.machines + inventory.machines {
            let id = machine.metadata.identity
            guard read.contains(ResourceID(.virtualMachine, id)) else { continue }
            read.formUnion(machine.references)
            read.formUnion(machine.spec.disks.map { ResourceID(.volume, "\(id).\($0.name)") })
        }
        for volume in manifest.volumes + inventory.volumes
        where read.contains(ResourceID(.volume, volume.metadata.identity)) {
            read.formUnion(volume.spec.references)
        }
        return read
    }

    private mutating func add<Resource: Named & Encodable>(
        _ resources: [Resource], _ read: Set<ResourceID>, _ host: String, except counters: Set<String> = []
    ) {
        for resource in resources where read.contains(ResourceID(Resource.kind, resource.metadata.identity)) {
            // An image is stored once for each pool.
            var key = "\(host)/\(ResourceID(Resource.kind, resource.metadata.identity))"
            while objects[key] != nil { key += "'" }
            objects[key] = Self.fields(of: resource).filter { !counters.contains($0.key) }
        }
    }

    /// What steps make ours is somebody's until then, and is as it was seen.
    private mutating func add(adoptedBy steps: [Step], _ adoptable: Adoptable, _ host: String) {
        func note(_ kind: ResourceKind, _ name: String?, _ value: (some Encodable)?, except counters: Set<String> = [])
        {
            guard let name, let value else { return }
            objects["\(host)/\(kind.rawValue) \(name), not ours"] = Self.fields(of: value).filter {
                !counters.contains($0.key)
            }
        }
        for step in steps {
            switch step.operation {
            case .adoptPool(let pool):
                note(
                    .storagePool, pool.status?.name,
                    adoptable.pools.first { $0.status?.uuid == pool.status?.uuid }?.withoutCounters)
            case .adoptVolume(let volume):
                note(
                    .volume, volume.status?.path,
                    adoptable.volumes.first { $0.status?.path == volume.status?.path }, except: ["status.allocation"])
            case .adoptBridge(let network):
                let bridge = network.status?.bridge?.name
                note(.network, bridge, adoptable.networks.first { $0.status?.bridge?.name == bridge }?.status?.bridge)
            case .adoptTunnel(let network):
                let tunnel = network.status?.tunnel?.name
                note(.network, tunnel, adoptable.networks.first { $0.status?.tunnel?.name == tunnel }?.status?.tunnel)
            case .adoptMachine(let machine, _):
                note(
                    .virtualMachine, machine.metadata.name,
                    adoptable.machines.first { $0.status?.uuid == machine.status?.uuid })
            default: continue
            }
        }
    }

    /// The leaves of a value, by their paths.
    private static func fields(of value: some Encodable) -> [String: String] {
        guard let data = try? JSONEncoder().encode(value),
            let tree = try? JSONDecoder().decode(JSONValue.self, from: data)
        else { return [:] }
        var fields: [String: String] = [:]
        collect(tree, "", &fields)
        return fields
    }

    private static func collect(_ value: JSONValue, _ path: String, _ fields: inout [String: String]) {
        switch value {
        case .object(let members):
            for member in members {
                collect(member.value, path.isEmpty ? member.key : "\(path).\(member.key)", &fields)
            }
        case .array(let items):
            for (index, item) in items.enumerated() {
                let name = item.members?.first { $0.key == "name" }?.value
                if case .string(let name)? = name {
                    collect(item, "\(path)[\(name)]", &fields)
                } else {
                    collect(item, "\(path)[\(index)]", &fields)
                }
            }
        default: fields[path] = value.jsonText
        }
    }
}

/// A kind of resource that an inventory has.
private protocol Named {
    static var kind: ResourceKind { get }
    var metadata: Metadata { get }
}

extension StoragePool: Named { fileprivate static var kind: ResourceKind { .storagePool } }
extension Image: Named { fileprivate static var kind: ResourceKind { .image } }
extension Network: Named { fileprivate static var kind: ResourceKind { .network } }
extension Volume: Named { fileprivate static var kind: ResourceKind { .volume } }
extension VirtualMachine: Named { fileprivate static var kind: ResourceKind { .virtualMachine } }
