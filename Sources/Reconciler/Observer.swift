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
        async let node = node(session)
        async let machines = session.compute.observe(deadline: deadline)
        async let files = session.storage.observe(
            wanted: manifest.pools, files: manifest.adoptedFiles, units: manifest.volumes, isImporting: isImporting)
        async let leases = leases(session, manifest)
        let network = session.network
        let (machine, accelerator, roster, links, floods, namespaces, boot, routing, firewall) =
            await session.commands.ask(
                together: HostFacts.machine, AcceleratorProbe.question(session.host.spec.accelerator),
                Roster.question(identity, deadline), network.links, network.floods, network.namespaces, network.boot,
                network.routing, network.firewall)
        let seen = await self.network(
            session, manifest, network.observation(links, floods, namespaces, underlay: session.underlay), boot,
            routing,
            firewall)
        let (compute, storage) = await (machines, files)
        var inventory = inventory(session.host, compute, storage, seen)
        inventory.leases = await leases
        var remembered: Roster?
        do throws(HostError) {
            inventory.host.status = HostFacts.status(try machine.get(), try accelerator.get(), try await node.get())
            remembered = try roster.get()
        } catch {
            inventory.unknown.append(UnknownArea(.host, reason: "\(error)"))
        }
        if isImporting { await look(closer: session, &inventory) }
        return HostSight(
            sighting: Sighting(inventory: inventory, roster: remembered), compute: compute, storage: storage,
            network: seen)
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
            boot: network.boot, shaping: network.shaping, evpn: network.routing.evpn,
            foreignRouter: network.routing.foreign, underlayMTU: network.underlayMTU, vlans: network.vlans,
            targets: storage.targets, foreign: compute.foreign + storage.foreign + network.foreign,
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
            ? session.storage.observe(
                wanted: manifest.pools, files: manifest.adoptedFiles, units: manifest.volumes) : before.storage
        async let links = changes.links || !uuids.isEmpty ? network(session, manifest) : before.network
        async let leases = leases(session, manifest)
        let (compute, storage, network) = await (machines, files, links)
        var inventory = inventory(session.host, compute, storage, network)
        inventory.host.status = before.sighting.inventory.host.status
        inventory.leases = await leases
        return HostSight(
            sighting: Sighting(inventory: inventory, roster: before.sighting.roster), compute: compute,
            storage: storage, network: network)
    }

    /// What keeps the disks of the host's machines from being used twice; nil where that is not wanted.
    private func leases(_ session: HostSession, _ manifest: FleetManifest) async -> Leases? {
        let folders = manifest.pools.filter { $0.spec.leases && $0.isOn(host: session.id) }.map(\.spec.folder)
        guard !folders.isEmpty else { return nil }
        do throws(HostError) {
            return try await session.commands.ask(LeaseQuestion(folders: folders).question(deadline))
        } catch {
            return Leases(obstacle: "could not be asked: \(error)", isUnknown: true)
        }
    }

    /// Links, what is filtered, and whether connections are tracked where that matters.
    private func network(_ session: HostSession, _ manifest: FleetManifest) async -> NetworkObservation {
        let network = session.network
        let (links, floods, namespaces, boot, routing, firewall) = await session.commands.ask(
            together: network.links, network.floods, network.namespaces, network.boot, network.routing,
            network.firewall)
        return await self.network(
            session, manifest, network.observation(links, floods, namespaces, underlay: session.underlay), boot,
            routing,
            firewall)
    }

    /// Joins what is said of links with the rest.
    private func network(
        _ session: HostSession, _ manifest: FleetManifest, _ links: NetworkObservation,
        _ boot: Result<NetworkDriver.Boot, HostError>, _ routing: Result<RoutingObservation, HostError>,
        _ firewall: Result<Firewall?, HostError>
    ) async -> NetworkObservation {
        var observation = links
        do throws(HostError) {
            observation.firewall = try firewall.get()
            if manifest.networks.contains(where: { $0.spec.securityGroups.contains(where: \.isStateful) }) {
                observation.tracksConnections = try await session.network.tracksConnections()
            }
            if manifest.isLimited { observation.shaping = try await session.network.shaping() }
        } catch .command(_, 127, _) where !manifest.isFiltered && !manifest.isLimited {
            // Without nft(8) there is no firewall, which matters where one is wanted.
        } catch {
            observation.firewall = nil
            observation.unknown.append(UnknownArea(.firewall, reason: "\(error)"))
        }
        do throws(HostError) {
            let vlans = manifest.networks.compactMap(\.spec.vlan).filter { $0.host == session.id }
            let interfaces = Set(vlans.map(\.interface))
            if !interfaces.isEmpty {
                observation.vlans = VLANGround(
                    isThere: try await session.network.makesVLANs(),
                    interfaces: interfaces.sorted().compactMap { name in
                        observation.frames[name].map { VLANGround.Interface(name: name, mtu: $0) }
                    })
            }
        } catch {
            observation.unknown.append(UnknownArea(.network, reason: "\(error)"))
        }
        do throws(HostError) {
            observation.routing = try self.routing(routing, manifest)
        } catch {
            observation.unknown.append(UnknownArea(.routing, reason: "\(error)"))
        }
        do throws(HostError) {
            let boot = try boot.get()
            observation.boot = boot.configuration
            if boot.configuration.loadsFirewall, let firewall = observation.firewall {
                observation.firewall?.isSaved = session.network.isSaved(firewall, in: boot.firewall)
            }
        } catch {
            observation.unknown.append(UnknownArea(.network, reason: "\(error)"))
        }
        return observation
    }

    /// What FRR says. Where it is not there, or does not run, nothing is unless something is wanted of it.
    private func routing(
        _ answer: Result<RoutingObservation, HostError>, _ manifest: FleetManifest
    ) throws(HostError) -> RoutingObservation {
        do throws(HostError) {
            return try answer.get()
        } catch {
            guard manifest.networks.contains(where: { $0.spec.vxlan?.flooding == .evpn }) else {
                return RoutingObservation()
            }
            if case .command(_, 127, _) = error {
                throw .unreadable("FRR is not installed (vtysh); networks by EVPN need it")
            }
            throw error
        }
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

    private func node(_ session: HostSession) async -> Result<NodeRecord, HostError> {
        do throws(HostError) {
            return .success(try await session.connection.node(deadline: deadline))
        } catch {
            return .failure(error)
        }
    }

    /// Joins what different drivers saw: which network a bridge is, and an order that does not depend on the host.
    private func resolve(_ inventory: inout HostInventory) {
        let networks = inventory.networks.reduce(into: [String: String]()) {
            if let bridge = $1.status?.bridge?.name { $0[bridge] = $1.metadata.identity }
        }
        // An adopted volume's file has a name of its own, a logical volume's need not hold all of its identity, and a logical
        // unit has a number.
        let files = inventory.volumes.reduce(into: [String: String]()) {
            if $1.spec.file != nil || $1.status?.isLogical == true || $1.status?.isUnit == true,
                let path = $1.status?.path
            {
                $0[path] = $1.metadata.identity
            }
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

    /// Whether an interface is to be held to a bandwidth.
    fileprivate var isLimited: Bool { machines.contains { $0.spec.interfaces.contains { $0.bandwidth != nil } } }

    /// The paths of the files that are adopted as volumes.
    fileprivate var adoptedFiles: Set<String> {
        let folders = pools.reduce(into: [:]) { $0[$1.metadata.identity] = $1.spec.folder }
        return volumes.reduce(into: []) { files, volume in
            if let file = volume.spec.file, let folder = folders[volume.spec.pool] { files.insert("\(folder)/\(file)") }
        }
    }
}
