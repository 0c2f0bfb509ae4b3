import Model

/// An inventory as it is read, document by document. Resources follow the host they were seen on.
struct InventoryContents {
    private(set) var fleet: Fleet?
    private(set) var hosts: [HostInventory] = []
    /// Whether a host could not be read, so that what follows it stands alone.
    private var isPartial = false
    /// Whether the host of the first resources stands in what comes before.
    private let continues: Bool
    /// Whether the first of the hosts is that one.
    private var isContinued = false
    private(set) var findings = Findings()

    /// Reads a portion of an inventory.
    init(_ file: SourceFile, _ source: SourceText, _ portion: Portion) {
        continues = portion.parts.contains { $0.markers.lowerBound > 0 }
        var reading = Reading(.inventory)
        let decoding = reading.decoding
        for part in portion.parts {
            reading.read(file, source, part.markers) { take($0, decoding) }
        }
        findings = decoding.findings
    }

    /// Takes in what follows; false when there is anything to tell of either.
    mutating func take(_ next: InventoryContents) -> Bool {
        guard findings.all.isEmpty, next.findings.all.isEmpty, next.fleet == nil else { return false }
        var others = next.hosts[...]
        if let rest = others.first, next.isContinued {
            guard let last = hosts.indices.last,
                rest.host.metadata.identity == hosts[last].host.metadata.identity
            else { return false }
            hosts[last].pools += rest.pools
            hosts[last].images += rest.images
            hosts[last].networks += rest.networks
            hosts[last].volumes += rest.volumes
            hosts[last].machines += rest.machines
            others.removeFirst()
        }
        let known = Set(hosts.map(\.host.metadata.identity))
        guard !others.contains(where: { known.contains($0.host.metadata.identity) }) else { return false }
        hosts += others
        return true
    }

    private mutating func take(_ kind: ResourceKind, _ decoding: Decoding) {
        let before = decoding.findings.errors
        func read<Root: Sendable>(_ grammar: Record<Root>) -> Root? {
            var root = grammar.initial
            grammar.read(decoding, 0, into: &root)
            return decoding.findings.errors == before ? root : nil
        }
        switch kind {
        case .fleet:
            if fleet != nil { decoding.fail(0, "many-fleets", "another Fleet", help: "an inventory is of one fleet") }
            fleet = read(Fleet.grammar)
        case .host:
            guard let record = read(HostRecord.grammar) else {
                isPartial = true
                return
            }
            if hosts.contains(where: { $0.host.metadata.identity == record.host.metadata.identity }) {
                decoding.fail(0, "duplicate", "this host is in the inventory already")
            }
            var host = record.host
            host.status = record.status.observed
            hosts.append(
                HostInventory(
                    host: host, seeds: record.status.seeds, stagedLinks: record.status.stagedLinks,
                    looseTaps: record.status.looseTaps, firewall: record.status.firewall,
                    tracksConnections: record.status.tracksConnections, boot: record.status.boot,
                    shaping: record.status.shaping,
                    evpn: record.status.evpn,
                    foreignRouter: record.status.foreignRouter, underlayMTU: record.status.underlayMTU,
                    vlans: record.status.vlans, targets: record.status.targets,
                    foreign: record.status.foreign,
                    adoptable: record.status.adoptable,
                    unknown: record.status.unknown, lastSeen: record.status.lastSeen,
                    lastSeenVolumes: record.status.lastSeenVolumes,
                    leases: record.status.leases, fence: record.status.fence))
        case .storagePool: add(read(StoragePool.recorded), to: \.pools, host: \.status?.host, decoding)
        case .image: add(read(Image.recorded), to: \.images, host: \.status?.host, decoding)
        case .network: add(read(Network.recorded), to: \.networks, host: \.status?.host, decoding)
        case .volume: add(read(Volume.recorded), to: \.volumes, host: \.status?.host, decoding)
        case .virtualMachine: add(read(VirtualMachine.recorded), to: \.machines, host: \.status?.host, decoding)
        case .snapshot:
            decoding.fail(
                0, "status", "a Snapshot is no part of an inventory",
                help: "the volumes that are its parts are; record it anew with `infra observe`")
        }
    }

    private mutating func add<Resource: Sendable>(
        _ resource: Resource?, to list: WritableKeyPath<HostInventory, [Resource]>,
        host: KeyPath<Resource, String?>, _ decoding: Decoding
    ) {
        guard let resource, !isPartial else { return }
        if hosts.isEmpty, continues, let name = resource[keyPath: host] {
            isContinued = true
            hosts.append(HostInventory(host: KVMHost(metadata: Metadata(name: name))))
        }
        guard let last = hosts.indices.last else {
            decoding.fail(
                0, "no-host", "no Host document stands before this one", help: "record it with `infra observe`")
            return
        }
        guard resource[keyPath: host] == hosts[last].host.metadata.identity else {
            decoding.fail(
                0, "status", "status.host is not the host above, \(Wording.quoted(hosts[last].host.metadata.identity))",
                help: "leave the order of the documents as `infra observe` wrote it")
            return
        }
        hosts[last][keyPath: list].append(resource)
    }
}
