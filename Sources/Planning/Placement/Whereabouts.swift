import Foundation
public import Model

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

    /// A volume that nobody sees, and the host that may have it.
    struct Absence {
        let volume: String
        let host: String
        /// Whether it was there when the host was last seen. Else nobody remembers what was.
        let isRemembered: Bool

        var reason: String {
            isRemembered
                ? "Volume/\(volume) was last seen on host \(host), which does not answer, and is made nowhere else"
                : "Volume/\(volume) may be on host \(host), which is off, and nobody remembers the volumes that were there"
        }
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
    /// Copies that do not count, by volume and host.
    private var copies: [String: [String: Volume.Copy]] = [:]
    /// What was seen of machines, by host.
    private var seen: [String: [VirtualMachine]] = [:]
    /// Where libvirt has a domain that nobody owns, by its UUID.
    private var adoptable: [UUID: String] = [:]
    private var lastSeen: [String: String] = [:]
    /// Volumes that were on hosts which do not answer, or are said to be off, and that no other host reaches, with that host.
    private var lastSeenVolumes: [String: String] = [:]
    /// Hosts that are said to be off, and of which nobody remembers the volumes, with whether they are fenced.
    private var forgottenVolumes: [(host: String, isFenced: Bool)] = []
    /// Machines of hosts that are said to be off which may start elsewhere, with that host and the volumes that they had there.
    private(set) var freed: [String: (host: String, volumes: [String])] = [:]
    /// Machines that are on a host that was said to be off and answers again, and may be elsewhere meanwhile, by that host.
    private var returned: [String: Set<String>] = [:]
    /// Pools whose files are on each of their hosts: a volume in one says nothing of a machine's place.
    let shared: SharedPools
    /// The hosts that see a volume in one of them.
    private var reached: [String: Set<String>] = [:]
    private let pools: [String: StoragePool]
    /// The pools of volumes with documents of their own, by volume.
    private let standalone: [String: String]
    /// Shared pools with leases.
    private let leasedPools: Set<String>
    /// Volumes that were seen in one of them and serve the fleet.
    private var leasedVolumes: Set<String> = []
    /// Hosts that are off and of which nobody knows what was there.
    private(set) var forgotten: [String] = []

    init(_ manifest: FleetManifest, _ observed: [String: HostInventory]) {
        let hosts = manifest.hosts.sorted { $0.metadata.identity < $1.metadata.identity }
        self.hosts = hosts
        shared = SharedPools(manifest, observed: observed)
        pools = manifest.pools.reduce(into: [:]) { $0[$1.metadata.identity] = $1 }
        standalone = manifest.volumes.reduce(into: [:]) { $0[$1.metadata.identity] = $1.spec.pool }
        leasedPools = Set(manifest.pools.filter { $0.spec.shared && $0.spec.leases }.map(\.metadata.identity))
        indices = hosts.indices.reduce(into: [:]) { $0[hosts[$1].metadata.identity] = $1 }
        standings = hosts.map { Self.standing($0, observed[$0.metadata.identity]) }
        for id in Set(observed.keys).union(indices.keys).sorted() {
            let isOffline = indices[id].map { standings[$0] == .offline } ?? false
            if let inventory = observed[id] { add(inventory, id) }
            if isOffline {
                if observed[id].map({ $0.lastSeen == nil && !$0.unknown.isEmpty }) ?? true { forgotten.append(id) }
                if observed[id].map({ $0.lastSeenVolumes == nil && !$0.unknown.isEmpty }) ?? true {
                    forgottenVolumes.append((id, observed[id]?.isFenced == true))
                }
            } else if let inventory = observed[id] {
                gaps += inventory.unknown.filter { $0.area.tellsOfMachines }.map { Gap(host: id, area: $0) }
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
        seen[host] = inventory.machines
        for (row, machine) in inventory.machines.enumerated() {
            machines.add(machine.metadata.identity, host, row: row)
        }
        for volume in inventory.volumes {
            guard let status = volume.status, !status.staged else { continue }
            // A logical unit carries no mark.
            if status.isUnit, shared.contains(volume.spec.pool) {
                reached[volume.metadata.identity, default: []].insert(host)
                continue
            }
            guard let mark = status.mark else { continue }
            if shared.contains(volume.spec.pool) {
                reached[volume.metadata.identity, default: []].insert(host)
                if leasedPools.contains(volume.spec.pool), mark.copy == nil, !mark.retained {
                    leasedVolumes.insert(volume.metadata.identity)
                }
            } else if let copy = mark.copy {
                copies[volume.metadata.identity, default: [:]][host] = copy
            } else if mark.retained {
                retained.add(volume.metadata.identity, host)
            } else {
                volumes.add(volume.metadata.identity, host)
            }
        }
        for machine in inventory.adoptable.machines { if let uuid = machine.status?.uuid { adoptable[uuid] = host } }
        if let fence = inventory.fence, fence.isOver { returned[host] = Set(fence.machines.keys) }
        guard inventory.isUnknown || inventory.host.spec.offline else { return }
        let leased = inventory.isFenced && indices[host] != nil ? inventory.fence?.machines ?? [:] : [:]
        for machine in inventory.lastSeen ?? [] {
            if let volumes = leased[machine] { freed[machine] = (host, volumes) } else { lastSeen[machine] = host }
        }
        for volume in inventory.lastSeenVolumes ?? [] { lastSeenVolumes[volume] = host }
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

    /// Whether a volume was seen on a host, whatever copy it is.
    func has(volume id: String, on host: String) -> Bool {
        volumes[id].contains(host) || retained[id].contains(host) || copies[id]?[host] != nil
            || reached[id]?.contains(host) == true
    }

    /// The copies of a volume that do not count, by host.
    func copies(ofVolume id: String) -> [String: Volume.Copy] { copies[id] ?? [:] }

    /// A machine as it was seen on a host.
    func machine(_ id: String, on host: String) -> VirtualMachine? {
        machines.row(of: id, on: host).flatMap { seen[host]?[$0] }
    }

    /// What a machine did when it was seen on a host.
    func state(of id: String, on host: String) -> VirtualMachine.State? {
        machines.row(of: id, on: host).flatMap { seen[host]?[$0].status?.state }
    }

    /// Whether there is any copy of a volume that does not count.
    var hasCopies: Bool { !copies.isEmpty }

    /// Whether a volume was seen that serves the fleet.
    func isCurrent(_ volume: String) -> Bool { !volumes[volume].isEmpty }

    /// Whether a machine's host was said to be off, so that it may have started elsewhere meanwhile.
    func hasReturned(_ machine: String, on host: String) -> Bool { returned[host]?.contains(machine) == true }

    /// A volume of a machine that no other host sees in a shared pool with leases: it may be on the machine's own host alone.
    func missing(of machine: VirtualMachine) -> String? {
        machine.volumes.first { volume in !leasedVolumes.contains(volume) }
    }

    /// The host that does not answer now and had a machine when it was last seen.
    func lastHost(of machine: String) -> String? { lastSeen[machine] }

    /// A volume of a machine that nobody sees and that may be on another host, which does not answer or is said to be off.
    func absent(of machine: VirtualMachine, except host: String?) -> Absence? {
        guard !lastSeenVolumes.isEmpty || !forgottenVolumes.isEmpty else { return nil }
        return machine.spec.disks.lazy.compactMap { disk in
            absence(
                of: disk.volume ?? "\(machine.metadata.identity).\(disk.name)", in: disk.declared?.pool,
                isOwn: disk.declared != nil, except: host)
        }.first
    }

    /// The same of a volume with a document of its own.
    func absence(of volume: Volume, except host: String?) -> Absence? {
        absence(of: volume.metadata.identity, in: volume.spec.pool, isOwn: false, except: host)
    }

    /// A machine's own disk goes where its machine does, which was last seen nowhere; only a host that is fenced is asked
    /// for more.
    private func absence(of volume: String, in pool: String?, isOwn: Bool, except host: String?) -> Absence? {
        guard !volumes.contains(volume), !retained.contains(volume), copies[volume] == nil, reached[volume] == nil
        else { return nil }
        if let last = lastSeenVolumes[volume] {
            return last == host ? nil : Absence(volume: volume, host: last, isRemembered: true)
        }
        let pool = (pool ?? standalone[volume]).flatMap { pools[$0] }
        guard let pool, !shared.contains(pool.metadata.identity) else { return nil }
        return forgottenVolumes.first { $0.host != host && pool.isOn(host: $0.host) && ($0.isFenced || !isOwn) }.map {
            Absence(volume: volume, host: $0.host, isRemembered: false)
        }
    }

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
            case .fleet, .host, .image, .network, .snapshot: return false
            }
        }
    }

    /// What could not be observed and may have a volume.
    func gaps(around volume: Volume, except host: String) -> [Gap] {
        // A host that has it sees all that others could see there.
        if reached[volume.metadata.identity] != nil { return [] }
        let parts = [ResourceID(.volume, volume.metadata.identity), ResourceID(.storagePool, volume.spec.pool)]
        return gaps.filter { gap in
            gap.host != host && gap.area.area != .compute && (gap.area.resource.map(parts.contains) ?? true)
        }
    }
}

/// Where things are: mostly in one place.
private struct Places {
    /// A host, and which of the things seen there it is.
    private struct Place {
        let host: String
        let row: Int
    }

    private var first: [String: Place] = [:]
    private var more: [String: [Place]] = [:]

    subscript(id: String) -> [String] { first[id].map { [$0.host] + (more[id] ?? []).map(\.host) } ?? [] }

    func contains(_ id: String) -> Bool { first[id] != nil }

    func row(of id: String, on host: String) -> Int? {
        guard let place = first[id] else { return nil }
        return place.host == host ? place.row : more[id]?.first { $0.host == host }?.row
    }

    mutating func add(_ id: String, _ host: String, row: Int = 0) {
        guard let known = first[id] else {
            first[id] = Place(host: host, row: row)
            return
        }
        if known.host != host, more[id]?.contains(where: { $0.host == host }) != true {
            more[id, default: []].append(Place(host: host, row: row))
        }
    }
}

extension VirtualMachine {
    /// Its volumes, by identity.
    public var volumes: [String] { spec.disks.map { $0.volume ?? "\(metadata.identity).\($0.name)" } }
}

extension UnknownArea.Area {
    /// Whether a machine may be where this was not observed.
    fileprivate var tellsOfMachines: Bool {
        switch self {
        case .host, .compute, .storage: true
        case .network, .firewall, .routing: false
        }
    }
}
