public import Model

/// What a fleet's hosts and pools have, what is promised of it, and whether what the manifests add has its place.
public struct CapacityReport: Hashable, Sendable, Codable {
    /// One measure of a host, a pool on a host, or all of them together.
    public struct Row: Hashable, Sendable, Codable {
        /// The host, by identity; nil for a sum over hosts and for a shared pool, which is one for all.
        public var host: String?
        /// `Host/x` or `StoragePool/x`; nil for a sum over hosts' processors or memory.
        public var resource: ResourceID?
        /// What is counted.
        public var measure: Capacity.Measure
        /// What is there, or what the manifest says to count with; nil while not known.
        public var physical: UInt64?
        /// Promised by what is there now.
        public var promised: UInt64
        /// Promised once the manifests are applied.
        public var planned: UInt64
        /// How much may be promised; nil while not known.
        public var allowed: UInt64?
        /// How much of `allowed` is left once the manifests are applied; nil while not known.
        public var free: UInt64?
        /// What of a pool is in use, by whomever, in bytes; nil of anything else, and while not known.
        public var used: UInt64?
        /// When a pool is full; nil where nothing says so.
        public var forecast: PoolForecast?

        /// A row of a plan's capacity.
        /// - Parameters:
        ///   - pool: what was seen of the pool that it is about.
        ///   - earlier: how much of it was in use before, oldest first.
        ///   - now: when it was seen.
        init(_ capacity: Capacity, pool: StoragePool?, earlier: [PoolUse], now: Moment?) {
            used = pool?.status?.used?.bytes
            forecast = pool?.status.flatMap { status in now.flatMap { PoolForecast(status, at: $0, earlier: earlier) } }
            host = capacity.shared == true ? nil : capacity.host
            resource = capacity.resource
            measure = capacity.measure
            physical = capacity.physical
            promised = capacity.promisedNow
            planned = capacity.promised
            allowed = capacity.allowed
            free = capacity.allowed.map { $0 > capacity.promised ? $0 - capacity.promised : 0 }
        }

        /// The sum of rows of one measure. What is not known of one host is not known of all.
        init?(sum rows: [Row], resource: ResourceID?) {
            guard let first = rows.first else { return nil }
            self.resource = resource
            measure = first.measure
            physical = Self.sum(rows.map(\.physical))
            promised = Self.sum(rows.map(\.promised)) ?? .max
            planned = Self.sum(rows.map(\.planned)) ?? .max
            allowed = Self.sum(rows.map(\.allowed))
            free = Self.sum(rows.map(\.free))
            used = Self.sum(rows.map(\.used))
        }

        private static func sum(_ amounts: [UInt64?]) -> UInt64? {
            amounts.reduce(0 as UInt64?) { sum, amount in
                guard let sum, let amount else { return nil }
                let (result, overflow) = sum.addingReportingOverflow(amount)
                return overflow ? .max : result
            }
        }
    }

    /// A machine that gets a host.
    public struct Placed: Hashable, Sendable, Codable {
        /// The machine, by identity.
        public var machine: String
        /// The host it gets, by identity.
        public var host: String
    }

    /// Every measure of every host that is not said to be off, then of its pools.
    public var hosts: [Row]
    /// The same in sum: processors, memory, and each pool over its hosts.
    public var sums: [Row]
    /// Machines that are nowhere yet, and where they would go.
    public var placed: [Placed]
    /// Why the manifests do not fit; nothing when they do.
    public var problems: [Diagnostic]
    /// What is not made now, because a host is unknown for instance, and the hosts of which nothing is known.
    public var blocked: [Blocked]

    /// Whether there is room for all.
    public var fits: Bool { problems.isEmpty && blocked.isEmpty }

    /// What is there and what the manifests make of it. Pure, as a plan is.
    /// - Parameter now: when it was observed, from which on there is a forecast; none without it.
    public init(_ manifest: FleetManifest, observed: [String: HostInventory], now: Moment? = nil) {
        // As if removals were done: what is asked is whether the folder fits.
        let options = PlanOptions(allowance: .dataLoss)
        let placement = Placement(manifest, observed: observed)
        let plan = Planner.plan(manifest, observed: observed, options: options)
        let rows = plan.capacity.map { capacity in
            let host = capacity.measure == .disk ? observed[capacity.host] : nil
            let pool = capacity.resource.id
            return Row(
                capacity, pool: host?.pools.first { $0.metadata.identity == pool },
                earlier: host?.earlierUse[pool] ?? [], now: now)
        }
        hosts = rows
        sums = Self.sums(rows)
        placed = placement.placed.sorted().compactMap { machine in
            placement.hosts[machine].map { Placed(machine: machine, host: $0) }
        }
        problems = plan.problems.filter { $0.code == "capacity" || $0.code == "no-host" }
        blocked = placement.blocked + plan.blocked.filter { $0.resource.kind == .host }
    }

    private static func sums(_ rows: [Row]) -> [Row] {
        var pools: [ResourceID] = []
        for row in rows where row.measure == .disk && row.host != nil {
            if let pool = row.resource, !pools.contains(pool) { pools.append(pool) }
        }
        let grouped = Dictionary(grouping: rows) { $0.measure == .disk ? $0.resource : nil }
        let machines = grouped[nil] ?? []
        return [Capacity.Measure.cpu, .memory].compactMap { measure in
            Row(sum: machines.filter { $0.measure == measure }, resource: nil)
        } + pools.sorted().compactMap { Row(sum: grouped[$0] ?? [], resource: $0) }
    }
}

/// What becomes of a fleet when one of its hosts is lost.
public struct HostLoss: Hashable, Sendable, Codable {
    /// The host, by identity.
    public var host: String
    /// Its machines, by identity.
    public var machines: [String]
    /// Those of them whose disks are in pools that no other host shares.
    public var withData: [String]
    /// Those that name the host and go nowhere else.
    public var bound: [String]
    /// What is left, with the host's machines placed anew where there is room.
    public var rest: CapacityReport

    /// Asks what would be if a host of the manifests were gone with all that is on it.
    public init(of host: String, _ manifest: FleetManifest, observed: [String: HostInventory]) {
        let before = Placement(manifest, observed: observed).hosts
        let lost = manifest.machines.filter { before[$0.metadata.identity] == host }
        self.host = host
        machines = lost.map(\.metadata.identity)
        let shared = Set(manifest.pools.filter(\.spec.shared).map(\.metadata.identity))
        let pools = manifest.volumes.reduce(into: [:]) { $0[$1.metadata.identity] = $1.spec.pool }
        withData = lost.filter { machine in
            machine.spec.disks.contains { disk in
                let pool = disk.declared?.pool ?? disk.volume.flatMap { pools[$0] }
                return pool.map { !shared.contains($0) } ?? true
            }
        }.map(\.metadata.identity)
        bound = lost.filter { $0.spec.host == host }.map(\.metadata.identity)
        var rest = manifest
        rest.hosts.removeAll { $0.metadata.identity == host }
        for index in rest.pools.indices where !rest.pools[index].spec.hosts.isEmpty {
            rest.pools[index].spec.hosts.removeAll { $0 == host }
            // Without a host left it is on none; an empty list would mean all.
            if rest.pools[index].spec.hosts.isEmpty { rest.pools[index].spec.hosts = [""] }
        }
        for index in rest.networks.indices {
            rest.networks[index].spec.hosts.removeAll { $0 == host }
            if rest.networks[index].spec.vlan?.host == host { rest.networks[index].spec.vlan = nil }
        }
        rest.machines.removeAll { $0.spec.host == host && before[$0.metadata.identity] == host }
        for index in rest.machines.indices {
            guard let there = before[rest.machines[index].metadata.identity], there != host else { continue }
            // The others are where they are.
            rest.machines[index].spec.host = there
        }
        var observed = observed
        observed[host] = nil
        self.rest = CapacityReport(rest, observed: observed)
    }

    /// Whether every machine of the host finds another one.
    public var isSurvived: Bool { rest.fits && bound.isEmpty }
}
