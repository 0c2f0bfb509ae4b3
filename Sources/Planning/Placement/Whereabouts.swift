import Foundation
import Model

/// Where the machines and volumes of a fleet were seen, and which hosts nobody could look at.
struct Whereabouts {
    /// What a host can be counted on for.
    enum Standing: Hashable {
        case ready
        case maintenance
        /// The operator's word that it is off.
        case offline
        /// All of it could not be observed.
        case unknown(String)
    }

    /// A part of a host that could not be observed.
    struct Gap {
        let host: String
        let area: UnknownArea
    }

    /// The hosts of the manifests, in the order of their identities.
    let hosts: [KVMHost]
    /// The place of each host in `hosts`, by identity.
    let indices: [String: Int]
    let standings: [Standing]
    /// What could not be observed, hosts of no manifest included, those that are said to be off left out.
    private(set) var gaps: [Gap] = []
    private var machines = Places()
    private var volumes = Places()
    /// Volumes that left the fleet and were kept.
    private var retained = Places()
    /// Where libvirt has a domain that nobody owns, by its UUID.
    private var adoptable: [UUID: String] = [:]
    private var lastSeen: [String: String] = [:]
    /// Hosts that are off and of which nobody knows what was there.
    private(set) var forgotten: [String] = []

    init(_ manifest: FleetManifest, _ observed: [String: HostInventory]) {
        let hosts = manifest.hosts.sorted { $0.metadata.identity < $1.metadata.identity }
        self.hosts = hosts
        indices = hosts.indices.reduce(into: [:]) { $0[hosts[$1].metadata.identity] = $1 }
        standings = hosts.map { Self.standing($0, observed[$0.metadata.identity]) }
        for id in Set(observed.keys).union(indices.keys).sorted() {
            let isOffline = indices[id].map { standings[$0] == .offline } ?? false
            if let inventory = observed[id] { add(inventory, id) }
            if isOffline {
                if observed[id].map({ $0.lastSeen == nil && !$0.unknown.isEmpty }) ?? true { forgotten.append(id) }
            } else if let inventory = observed[id] {
                gaps += inventory.unknown.filter { $0.area != .network }.map { Gap(host: id, area: $0) }
            } else {
                gaps.append(Gap(host: id, area: UnknownArea(.host, reason: "the host was not observed")))
            }
        }
    }

    private static func standing(_ host: KVMHost, _ inventory: HostInventory?) -> Standing {
        if host.spec.offline { return .offline }
        guard let inventory else { return .unknown("the host was not observed") }
        if inventory.isUnknown {
            return .unknown(inventory.unknown.first { $0.area == .host && $0.resource == nil }?.reason ?? "")
        }
        return host.spec.maintenance ? .maintenance : .ready
    }

    private mutating func add(_ inventory: HostInventory, _ host: String) {
        for machine in inventory.machines { machines.add(machine.metadata.identity, host) }
        for volume in inventory.volumes {
            guard let status = volume.status, !status.staged, let mark = status.mark else { continue }
            if mark.retained {
                retained.add(volume.metadata.identity, host)
            } else {
                volumes.add(volume.metadata.identity, host)
            }
        }
        for machine in inventory.adoptable.machines { if let uuid = machine.status?.uuid { adoptable[uuid] = host } }
        guard inventory.isUnknown || inventory.host.spec.offline else { return }
        for machine in inventory.lastSeen ?? [] { lastSeen[machine] = host }
    }

    /// The hosts that have a machine, in the order of their identities.
    func hosts(of machine: VirtualMachine) -> [String] {
        let seen = machines[machine.metadata.identity]
        guard seen.isEmpty, let uuid = machine.metadata.uuid, let host = adoptable[uuid] else { return seen }
        return [host]
    }

    /// The hosts that have a volume; if none has, those that kept it when it left the fleet.
    func hosts(ofVolume id: String) -> [String] {
        let seen = volumes[id]
        return seen.isEmpty ? retained[id] : seen
    }

    /// Whether a volume was seen that serves the fleet.
    func isCurrent(_ volume: String) -> Bool { !volumes[volume].isEmpty }

    /// The host that does not answer now and had a machine when it was last seen.
    func lastHost(of machine: String) -> String? { lastSeen[machine] }

    /// What could not be observed and may have a machine, or one of its volumes.
    func gaps(around machine: VirtualMachine, except host: String?) -> [Gap] {
        gaps.filter { gap in
            guard gap.host != host else { return false }
            guard let resource = gap.area.resource else { return true }
            switch resource.kind {
            case .virtualMachine: return resource.id == machine.metadata.identity
            case .volume: return machine.volumes.contains(resource.id)
            case .storagePool:
                // Disks of its own may lie in any pool when they are volumes with documents of their own.
                return machine.spec.disks.contains { $0.declared == nil || $0.declared?.pool == resource.id }
            case .fleet, .host, .image, .network: return false
            }
        }
    }

    /// What could not be observed and may have a volume.
    func gaps(around volume: Volume, except host: String) -> [Gap] {
        let parts = [ResourceID(.volume, volume.metadata.identity), ResourceID(.storagePool, volume.spec.pool)]
        return gaps.filter { gap in
            gap.host != host && gap.area.area != .compute && (gap.area.resource.map(parts.contains) ?? true)
        }
    }
}

/// Where things are: mostly in one place.
private struct Places {
    private var first: [String: String] = [:]
    private var more: [String: [String]] = [:]

    subscript(id: String) -> [String] { first[id].map { [$0] + (more[id] ?? []) } ?? [] }

    mutating func add(_ id: String, _ host: String) {
        if first[id] == nil {
            first[id] = host
        } else if first[id] != host, more[id]?.contains(host) != true {
            more[id, default: []].append(host)
        }
    }
}

extension VirtualMachine {
    /// Its volumes, by identity.
    var volumes: [String] { spec.disks.map { $0.volume ?? "\(metadata.identity).\($0.name)" } }
}
