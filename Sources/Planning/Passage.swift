public import Model

/// A machine's way from one host to another.
public struct Passage: Hashable, Sendable, Codable {
    /// The host that it leaves, by identity.
    public var from: String
    /// The host that it goes to, by identity.
    public var to: String
    /// Disks whose contents are copied on the way, by name.
    public var copied: [String]
    /// Disks in pools that both hosts reach, of which nothing is copied, by name.
    public var shared: [String]
    /// Whether the layers below a disk are copied with it, since the target has them not.
    public var copiesLayers: Bool
    /// What is copied, as the guest sees it.
    public var size: ByteCount
    /// What it may take of the network and of the guest's time.
    public var limits: Fleet.Migration

    /// A way.
    public init(
        from: String, to: String, copied: [String], shared: [String] = [], copiesLayers: Bool = false,
        size: ByteCount, limits: Fleet.Migration = Fleet.Migration()
    ) {
        self.from = from
        self.to = to
        self.copied = copied
        self.shared = shared
        self.copiesLayers = copiesLayers
        self.size = size
        self.limits = limits
    }
}

/// What of moves concerns one host.
struct Transit {
    /// A machine that comes.
    struct Arrival {
        let from: String
        /// As it is where it was seen.
        let machine: VirtualMachine
        /// Its volumes there, by identity.
        let volumes: [String: Volume]
        /// Its way here.
        let passage: Passage

        var isLive: Bool { machine.status?.state.isActive == true }
        /// What moving disturbs.
        var disruption: Disruption { isLive ? .live : .none }
        /// The last part of its step's id.
        var name: String { isLive ? "migrate" : "relocate" }
    }

    /// A machine that goes.
    struct Departure {
        let to: String
        let isLive: Bool
        /// What moving disturbs.
        let disruption: Disruption
        /// The step after which it is there.
        let step: String
    }

    /// A copy of a volume that does not count.
    struct Stray {
        /// The host of the one that does, or will.
        let home: String
        /// The steps after which it does no more, if it does now.
        let after: [String]
    }

    /// Machines that come, by identity.
    var arriving: [String: Arrival] = [:]
    /// Machines that go, by identity.
    var departing: [String: Departure] = [:]
    /// Domains of machines that are elsewhere, with the host.
    var left: [String: String] = [:]
    /// The steps after which a machine that is here is nowhere else, by machine.
    var drops: [String: [String]] = [:]
    /// Copies that do not count, by volume.
    var strays: [String: Stray] = [:]
    /// The steps after which no other copy of a volume counts.
    var demotions: [String: [String]] = [:]
    /// Where tunnels end until a machine has moved, by network, with the steps after which they do no more.
    var lingering: [String: [(address: IPAddress, after: String)]] = [:]

    /// The copies of what arrives, by volume.
    var incoming: [String: Arrival] {
        arriving.values.reduce(into: [:]) { result, arrival in
            for volume in arrival.volumes.keys { result[volume] = arrival }
        }
    }
}

extension Transit {
    /// What concerns each host, by the host's identity.
    static func all(
        _ placement: Placement, _ manifest: FleetManifest, _ observed: [String: HostInventory], _ shared: SharedPools
    ) -> [String: Transit] {
        var all: [String: Transit] = [:]
        let machines = manifest.machines.reduce(into: [:]) { $0[$1.metadata.identity] = $1 }
        for move in placement.moves {
            guard let to = move.to, let machine = machines[move.machine],
                let seen = observed[move.from]?.machines.first(where: { $0.metadata.identity == move.machine })
            else { continue }
            add(move, to: to, machine, seen, manifest, observed, shared, strays: placement.strays, &all)
        }
        for (host, machines) in placement.left.sorted(by: { $0.key < $1.key }) {
            all[host, default: Transit()].left = machines
            for (machine, home) in machines {
                all[home, default: Transit()].drops[machine, default: []].append(
                    Step.id(host: host, resource: ResourceID(.virtualMachine, machine), "drop"))
            }
        }
        for (host, volumes) in placement.strays {
            for (volume, home) in volumes {
                let resource = ResourceID(.volume, volume)
                let drops = all[host]?.left.keys.sorted().map {
                    Step.id(host: host, resource: ResourceID(.virtualMachine, $0), "drop")
                }
                all[host, default: Transit()].strays[volume] = Stray(home: home, after: drops ?? [])
                let seen = observed[host]?.volumes.first { $0.metadata.identity == volume && $0.status?.staged != true }
                guard seen?.status?.mark?.copy == nil else { continue }
                all[home, default: Transit()].demotions[volume, default: []].append(
                    Step.id(host: host, resource: resource, "mark-moved"))
            }
        }
        return all
    }

    private static func add(
        _ move: Placement.Move, to: String, _ machine: VirtualMachine, _ seen: VirtualMachine,
        _ manifest: FleetManifest, _ observed: [String: HostInventory], _ shared: SharedPools,
        strays: [String: [String: String]], _ all: inout [String: Transit]
    ) {
        let isLive = seen.status?.state.isActive == true
        let wanted = Set(machine.volumes)
        let disks = (observed[move.from]?.volumes ?? []).filter {
            $0.status?.staged != true && wanted.contains($0.metadata.identity)
        }.reduce(into: [:]) { $0[$1.metadata.identity] = $1 }
        let volumes = disks.filter { !shared.contains($0.value.spec.pool) }
        let copied = machine.spec.disks.filter {
            volumes[$0.volume ?? "\(move.machine).\($0.name)"] != nil
        }.map(\.name).sorted()
        let reached = machine.spec.disks.filter {
            disks[$0.volume ?? "\(move.machine).\($0.name)"].map { shared.contains($0.spec.pool) } ?? false
        }.map(\.name).sorted()
        let passage = Passage(
            from: move.from, to: to, copied: copied, shared: reached,
            size: ByteCount(volumes.values.reduce(0) { $0 + $1.spec.size.bytes }), limits: manifest.fleet.migration)
        let arrival = Arrival(from: move.from, machine: seen, volumes: volumes, passage: passage)
        let resource = ResourceID(.virtualMachine, move.machine)
        let step = Step.id(host: to, resource: resource, arrival.name)
        all[to, default: Transit()].arriving[move.machine] = arrival
        all[move.from, default: Transit()].departing[move.machine] = Departure(
            to: to, isLive: isLive, disruption: arrival.disruption, step: step)
        for (volume, source) in volumes {
            let id = ResourceID(.volume, volume)
            // What still lies elsewhere goes while the one that it was left for counts.
            let older = strays.filter { $0.key != to && $0.value[volume] != nil }.keys.sorted().map {
                Step.id(host: $0, resource: id, "remove-copy")
            }
            let last = isLive ? step : Step.id(host: to, resource: id, "copy")
            all[move.from, default: Transit()].strays[volume] = Stray(home: to, after: [last] + older)
            guard source.status?.mark?.copy == nil else { continue }
            all[to, default: Transit()].demotions[volume, default: []].append(
                Step.id(host: move.from, resource: id, "mark-moved"))
        }
        let underlays = manifest.hosts.reduce(into: [:]) { $0[$1.metadata.identity] = $1.spec.underlay?.address }
        guard let address = underlays[move.from] ?? nil else { return }
        for network in Set(seen.spec.interfaces.compactMap(\.network)) {
            for host in manifest.hosts where host.metadata.identity != move.from {
                all[host.metadata.identity, default: Transit()].lingering[network, default: []].append((address, step))
            }
        }
    }
}
