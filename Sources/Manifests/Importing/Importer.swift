import Foundation
public import Model

/// Manifests for what is on a host and not ours, from observation alone. Pure: nothing is touched or read.
///
/// What is written is what is there, so that the next plan adopts and changes nothing. What no manifest can say is left
/// out of a machine, where it stays as an unmanaged device, or keeps the whole object out; both are told.
public struct Importer {
    /// What could not be imported.
    public struct Refusal: Hashable, Sendable {
        /// The object: `domain old server`.
        public var what: String
        /// Why.
        public var reason: String
    }

    /// The fleet that it is imported into, with the host.
    let existing: FleetManifest
    /// Whether the fleet and its host are written as well.
    let isNew: Bool
    let observed: HostInventory
    var host: KVMHost
    var pools: [StoragePool] = []
    var volumes: [Volume] = []
    var networks: [Network] = []
    var machines: [VirtualMachine] = []
    /// What could not be imported, in the order in which it was met.
    public internal(set) var refusals: [Refusal] = []
    /// What a reader of the manifests should know of a resource.
    var remarks: [ResourceID: [String]] = [:]
    var slugs: [ResourceKind: Slugs] = [:]

    /// Imports what a host's inventory says can be adopted.
    ///
    /// - Parameters:
    ///   - fleet: a whole fleet with the host, or a new one that has only the host.
    ///   - isNew: whether it is a new one.
    public init(_ observed: HostInventory, into fleet: FleetManifest, isNew: Bool) {
        existing = fleet
        self.isNew = isNew
        self.observed = observed
        host = observed.host
        host.status = nil
        slugs = [
            .storagePool: Slugs(taken: fleet.pools.flatMap { [$0.metadata.name, $0.metadata.identity] }),
            .volume: Slugs(taken: fleet.volumes.flatMap { [$0.metadata.name, $0.metadata.identity] }),
            .network: Slugs(taken: fleet.networks.flatMap { [$0.metadata.name, $0.metadata.identity] }),
            .virtualMachine: Slugs(taken: fleet.machines.flatMap { [$0.metadata.name, $0.metadata.identity] }),
        ]
        for object in observed.foreign {
            if let obstacle = object.obstacle { refuse(object.kind.rawValue, object.name, obstacle) }
        }
        importPools()
        importNetworks()
        let candidates = observed.adoptable.machines.filter { machine in
            guard let obstacle = Self.obstacle(to: machine) else { return true }
            refuse("domain", machine.metadata.name, obstacle)
            return false
        }
        importVolumes(of: candidates)
        for machine in candidates { importMachine(machine) }
        promiseWhatIsThere()
    }

    /// Everything that was imported, and the fleet it is imported into.
    public var manifest: FleetManifest {
        var fleet = existing
        if isNew { fleet.hosts = [host] }
        func sorted<Value>(_ values: [Value], _ id: (Value) -> String) -> [Value] {
            values.sorted { id($0) < id($1) }
        }
        fleet.pools = sorted(fleet.pools + pools) { $0.metadata.identity }
        fleet.networks = sorted(fleet.networks + networks) { $0.metadata.identity }
        fleet.volumes = sorted(fleet.volumes + volumes) { $0.metadata.identity }
        fleet.machines = sorted(fleet.machines + machines) { $0.metadata.identity }
        return fleet
    }

    /// How many resources were imported.
    public var count: Int { pools.count + volumes.count + networks.count + machines.count }

    mutating func refuse(_ kind: String, _ name: String, _ reason: String) {
        refusals.append(Refusal(what: "\(kind) \(name)", reason: reason))
    }

    mutating func remark(_ resource: ResourceID, _ text: String) { remarks[resource, default: []].append(text) }

    /// A name for something new of that kind.
    mutating func name(_ kind: ResourceKind, for text: String, or fallback: String) -> String {
        slugs[kind, default: Slugs()].name(for: text, or: fallback)
    }

    /// A host that promises more than it has is not refused for it.
    private mutating func promiseWhatIsThere() {
        guard isNew else { return }
        let imported = Set(machines.compactMap { $0.metadata.uuid?.lowercased })
        let others = observed.foreign.filter { $0.kind == .domain && !imported.contains($0.uuid ?? "") }
        let cpu = machines.reduce(others.reduce(0) { $0 + ($1.cpu ?? 0) }) { $0 + $1.spec.cpu.count }
        let memory = machines.reduce(others.reduce(0.0) { $0 + Double($1.memory?.bytes ?? 0) }) {
            $0 + Double($1.spec.memory.size.bytes)
        }
        host.spec.overcommit.cpu = Self.ratio(Double(cpu), to: observed.host.status.map { Double($0.cpu) })
        host.spec.overcommit.memory = Self.ratio(memory, to: observed.host.status.map { Double($0.memory.bytes) })
        for index in pools.indices {
            let id = pools[index].metadata.name
            let promised = volumes.filter { $0.spec.pool == id }.reduce(0.0) { $0 + Double($1.spec.size.bytes) }
            let seen = observed.adoptable.pools.first { $0.status?.uuid == pools[index].metadata.uuid }
            pools[index].spec.overcommit = Self.ratio(
                promised, to: (seen?.status?.capacity).map { Double($0.bytes) })
        }
    }

    /// At least 1, with two decimals, enough for what is promised.
    private static func ratio(_ promised: Double, to physical: Double?) -> Double {
        guard let physical, physical > 0, promised > physical else { return 1 }
        return min(((promised / physical + 0.005) * 100).rounded(.up) / 100, 1000)
    }
}
