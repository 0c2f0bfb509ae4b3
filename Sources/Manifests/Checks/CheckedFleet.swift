import Model

/// A fleet as checks see it: what could be read, sorted by identity, references resolved.
struct CheckedFleet {
    typealias Check = @Sendable (CheckedFleet, inout CheckReport) -> Void

    /// Every check. All run, and tell what they find together.
    static let checks: [Check] = [
        checkFleet, checkAddresses, checkGateways, checkTunnels, checkVLANs, checkEVPN, checkHardwareAddresses,
        checkLinkNames,
        checkPools, checkVolumeGroups, checkUnits, checkManagedTargets,
        checkBoot, checkVolumes, checkVolumeSources, checkSnapshots, checkImageFormats, checkIgnoredFields,
        checkHosts, checkAdopted, checkSecurityGroups, checkServices,
    ]

    let fleets: [Fleet]
    let fleetPlaces: [SourceIndex.Place]
    let hosts: Resources<KVMHost>
    let pools: Resources<StoragePool>
    let images: Resources<Image>
    let networks: Resources<Network>
    let volumes: Resources<Volume>
    let machines: Resources<VirtualMachine>
    let snapshots: Resources<Snapshot>
    /// Which documents there are, mistaken ones included.
    let register: Register

    init(_ loading: Loading, _ report: inout CheckReport) {
        fleets = loading.fleets
        fleetPlaces = loading.fleetPlaces
        register = loading.register
        var references = References(register: register, report: report)
        hosts = Resources(loading.hosts)
        pools = Resources(references.resolved(loading.pools))
        images = Resources(loading.images)
        networks = Resources(references.resolved(loading.networks))
        volumes = Resources(references.resolved(loading.volumes))
        machines = Resources(references.resolved(loading.machines))
        snapshots = Resources(references.resolved(loading.snapshots))
        report = references.report
    }

    /// The fleet's value; nil when there is not exactly one `Fleet`.
    var manifest: FleetManifest? {
        guard let fleet = fleets.first, fleets.count == 1 else { return nil }
        return FleetManifest(
            fleet: fleet, hosts: hosts.all, pools: pools.all, images: images.all, networks: networks.all,
            volumes: volumes.all, machines: machines.all, snapshots: snapshots.all)
    }

    /// The hosts that have a pool.
    func hosts(of pool: StoragePool) -> [KVMHost] {
        pool.spec.hosts.isEmpty ? hosts.all : pool.spec.hosts.compactMap { hosts[$0] }
    }

    /// The host that a machine will certainly be on: the one it names, or the only one.
    func certainHost(of machine: VirtualMachine) -> KVMHost? {
        guard let host = machine.spec.host else { return register.count(.host) == 1 ? hosts.all.first : nil }
        return hosts[host]
    }
}

/// The resources of one kind, sorted by identity and found by it.
struct Resources<Resource: Identified>: Sendable {
    let all: [Resource]
    private let places: [String: Int]

    init(_ unsorted: [Resource]) {
        let isSorted = zip(unsorted, unsorted.dropFirst()).allSatisfy {
            $0.metadata.identity < $1.metadata.identity
        }
        if isSorted {
            all = unsorted
        } else {
            let keys = unsorted.map(\.metadata.identity)
            all = keys.indices.sorted { keys[$0] < keys[$1] }.map { unsorted[$0] }
        }
        var places: [String: Int] = Dictionary(minimumCapacity: all.count)
        for index in all.indices { places[all[index].metadata.identity] = index }
        self.places = places
    }

    subscript(identity: String) -> Resource? { places[identity].map { all[$0] } }
}

/// A resource with metadata.
protocol Identified: Sendable {
    static var kind: ResourceKind { get }
    var metadata: Metadata { get }
}

extension Identified {
    /// How diagnostics and plans call it.
    var resourceID: ResourceID { ResourceID(Self.kind, metadata.identity) }
}

extension KVMHost: Identified { static let kind = ResourceKind.host }
extension StoragePool: Identified { static let kind = ResourceKind.storagePool }
extension Image: Identified { static let kind = ResourceKind.image }
extension Network: Identified { static let kind = ResourceKind.network }
extension Volume: Identified { static let kind = ResourceKind.volume }
extension VirtualMachine: Identified { static let kind = ResourceKind.virtualMachine }
extension Snapshot: Identified { static let kind = ResourceKind.snapshot }
