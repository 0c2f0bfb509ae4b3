import Drivers
import Hosts
import Model

/// Reads what is on hosts. Reading changes nothing.
struct Observer: Sendable {
    let identity: Identity
    /// How long one call may take.
    let deadline: Duration

    /// What is on a host, and what it remembers. Never throws: what cannot be read is unknown.
    ///
    /// - Parameter isImporting: whether to look closer at what is not ours.
    func look(_ session: HostSession, _ manifest: FleetManifest, isImporting: Bool = false) async -> HostSight {
        async let facts = status(session)
        async let roster = Roster.read(session, identity, deadline)
        async let machines = session.compute.observe(deadline: deadline)
        async let files = session.storage.observe(
            wanted: manifest.pools, files: manifest.adoptedFiles, isImporting: isImporting)
        async let links = network(session, manifest)
        let (compute, storage, network) = await (machines, files, links)
        var inventory = inventory(session.host, compute, storage, network)
        var remembered: Roster?
        do {
            inventory.host.status = try await facts
            remembered = try await roster
        } catch {
            inventory.unknown.append(UnknownArea(.host, reason: "\(error)"))
        }
        if isImporting { await look(closer: session, &inventory) }
        return HostSight(
            sighting: Sighting(inventory: inventory, roster: remembered), compute: compute, storage: storage,
            network: network)
    }

    /// Joins what the drivers saw.
    private func inventory(
        _ host: KVMHost, _ compute: ComputeObservation, _ storage: StorageObservation, _ network: NetworkObservation
    ) -> HostInventory {
        var inventory = HostInventory(
            host: host, pools: storage.pools, images: storage.images, networks: network.networks,
            volumes: storage.volumes, machines: compute.machines, seeds: storage.seeds,
            stagedLinks: network.staged,
            // Unknown is not loose.
            looseTaps: network.unknown.contains { $0.area == .network }
                ? [] : compute.taps.filter { network.masters[$0.device] != $0.bridge },
            firewall: network.firewall, tracksConnections: network.tracksConnections,
            foreign: compute.foreign + storage.foreign + network.foreign,
            adoptable: Adoptable(
                pools: storage.adoptable.pools, volumes: storage.adoptable.volumes, networks: network.adoptable,
                machines: compute.adoptable),
            unknown: compute.unknown + storage.unknown + network.unknown)
        resolve(&inventory)
        return inventory
    }

    /// Looks again at what may have changed on a host, and takes the rest as it was seen before.
    func look(
        again session: HostSession, _ manifest: FleetManifest, at changes: HostChanges, since before: HostSight
    ) async -> HostSight {
        let uuids = changes.machines
        async let machines =
            uuids.isEmpty
            ? before.compute
            : before.compute.replacing(uuids, by: session.compute.observe(only: uuids, deadline: deadline))
        async let files =
            changes.storage
            ? session.storage.observe(wanted: manifest.pools, files: manifest.adoptedFiles) : before.storage
        async let links = changes.links || !uuids.isEmpty ? network(session, manifest) : before.network
        let (compute, storage, network) = await (machines, files, links)
        var inventory = inventory(session.host, compute, storage, network)
        inventory.host.status = before.sighting.inventory.host.status
        return HostSight(
            sighting: Sighting(inventory: inventory, roster: before.sighting.roster), compute: compute,
            storage: storage, network: network)
    }

    /// Links, what is filtered, and whether connections are tracked where that matters.
    private func network(_ session: HostSession, _ manifest: FleetManifest) async -> NetworkObservation {
        async let links = session.network.observe()
        let filter: Result<(Firewall?, Bool?), HostError>
        do throws(HostError) {
            let firewall = try await session.network.observeFirewall()
            let isAsked = manifest.networks.contains { $0.spec.securityGroups.contains(where: \.isStateful) }
            filter = .success((firewall, isAsked ? try await session.network.tracksConnections() : nil))
        } catch {
            filter = .failure(error)
        }
        var observation = await links
        switch filter {
        case .success(let found): (observation.firewall, observation.tracksConnections) = found
        // Without nft(8) there is no firewall, which matters where one is wanted.
        case .failure(.command(_, 127, _)) where !manifest.isFiltered: break
        case .failure(let error): observation.unknown.append(UnknownArea(.firewall, reason: "\(error)"))
        }
        return observation
    }

    /// Finds what only a person who imports needs to know, for which every object is asked once more.
    private func look(closer session: HostSession, _ inventory: inout HostInventory) async {
        do throws(HostError) {
            let bridges = try await session.connection.networkBridges(deadline: deadline)
            for (bridge, network) in bridges {
                inventory.obstruct(.link, bridge, "libvirt's network \(network) makes it")
            }
            for machine in inventory.adoptable.machines {
                guard let uuid = machine.status?.uuid,
                    let reason = try await session.compute.obstacle(inSnapshotsOf: uuid, deadline: deadline)
                else { continue }
                inventory.obstruct(.domain, machine.metadata.name, reason)
            }
        } catch {
            inventory.unknown.append(UnknownArea(.compute, reason: "\(error)"))
        }
    }

    /// What is known of a host that cannot be reached: nothing.
    static func unreachable(_ host: KVMHost, _ error: HostError) -> HostInventory {
        HostInventory(host: host, unknown: [UnknownArea(.host, reason: "\(error)")])
    }

    /// What is known of a host that is declared to be off: nothing.
    static func offline(_ host: KVMHost) -> HostInventory {
        HostInventory(host: host, unknown: [UnknownArea(.host, reason: "its manifest says `offline: true`")])
    }

    private func status(_ session: HostSession) async throws(HostError) -> KVMHost.Status {
        try await HostFacts.observe(
            commands: session.commands, connection: session.connection, choice: session.host.spec.accelerator,
            deadline: deadline)
    }

    /// Joins what different drivers saw: which network a bridge is, and an order that does not depend on the host.
    private func resolve(_ inventory: inout HostInventory) {
        let networks = inventory.networks.reduce(into: [String: String]()) {
            if let bridge = $1.status?.bridge?.name { $0[bridge] = $1.metadata.identity }
        }
        // An adopted volume's file has a name of its own.
        let files = inventory.volumes.reduce(into: [String: String]()) {
            if $1.spec.file != nil, let path = $1.status?.path { $0[path] = $1.metadata.identity }
        }
        func name(_ spec: inout VirtualMachine.Spec) {
            for index in spec.interfaces.indices {
                spec.interfaces[index].network = spec.interfaces[index].bridge.flatMap { networks[$0] }
            }
            for index in spec.disks.indices where spec.disks[index].volume == nil {
                spec.disks[index].volume = spec.disks[index].path.flatMap { files[$0] }
            }
        }
        for index in inventory.machines.indices {
            name(&inventory.machines[index].spec)
            if var live = inventory.machines[index].status?.live {
                name(&live)
                inventory.machines[index].status?.live = live
            }
        }
        inventory.pools.sort { $0.metadata.identity < $1.metadata.identity }
        inventory.images.sort { $0.status?.path ?? "" }
        inventory.networks.sort { $0.metadata.identity < $1.metadata.identity }
        inventory.volumes.sort { $0.status?.path ?? "" }
        inventory.machines.sort { $0.metadata.identity }
        inventory.foreign.sort { ($0.kind.rawValue, $0.name) < ($1.kind.rawValue, $1.name) }
    }
}

extension HostInventory {
    /// Notes why something cannot be adopted after all.
    fileprivate mutating func obstruct(_ kind: ForeignObject.Kind, _ name: String, _ reason: String) {
        for index in foreign.indices where foreign[index].kind == kind && foreign[index].name == name {
            foreign[index].obstacle = reason
        }
        if kind == .domain { adoptable.machines.removeAll { $0.metadata.name == name } }
        if kind == .link { adoptable.networks.removeAll { $0.status?.bridge?.name == name } }
    }
}

extension FleetManifest {
    /// Whether rules for any frame are wanted.
    fileprivate var isFiltered: Bool {
        machines.contains { $0.spec.interfaces.contains { $0.spoofProtection || !$0.securityGroups.isEmpty } }
    }

    /// The paths of the files that are adopted as volumes.
    fileprivate var adoptedFiles: Set<String> {
        let folders = pools.reduce(into: [:]) { $0[$1.metadata.identity] = $1.spec.path }
        return volumes.reduce(into: []) { files, volume in
            if let file = volume.spec.file, let folder = folders[volume.spec.pool] { files.insert("\(folder)/\(file)") }
        }
    }
}
