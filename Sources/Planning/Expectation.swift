import Foundation
import Model

/// What is to be on one host once the manifests hold there: every reference resolved, every derived value filled in.
struct Expectation {
    /// What is to be there; statuses say what an observation would say.
    var inventory: HostInventory
    /// What each machine's seed is to hold, by the machine's identity.
    var seeds: [String: SeedContents] = [:]
    /// What there is of snapshots, on all hosts.
    let snapshots: Snapshots
    /// Resources that cannot be made as declared, with the reason.
    var impossible: [ResourceID: String] = [:]

    /// How many machines leave their accelerator to the host.
    private(set) var acceleratorChoices = 0
    /// The machines that the firewall has rules for, by identity.
    private(set) var filtered: Set<String> = []

    private let identity: Identity
    private let manifest: Lookup
    private let observedVolumes: [String: Volume]
    /// Volumes whose files are copied without their zeros.
    private let sparsified: Set<String>
    /// Where volumes are to lie.
    private var volumePaths: [String: String] = [:]
    /// Volumes that come from other hosts, as they are there.
    private let incoming: [String: Volume]
    /// libvirt's names of what it knows by a UUID of its own.
    private let ownNames: [UUID: String]
    private let bridgeNames: [String: String]
    private let seen: [String: VirtualMachine]
    /// Where seeds are, by machine.
    private let seedPaths: [String: String]
    private let shaping: Shaping?
    /// The logical units that volumes are behind here, by identity.
    private let units: [String: String]
    private var ports: [Firewall.Port] = []
    private var imagePaths: Set<String> = []

    /// - Parameters:
    ///   - peers: where the tunnels of each network end on other hosts.
    ///   - speakers: where the other hosts that carry a network by EVPN are.
    ///   - transit: what comes from other hosts.
    ///   - snapshots: what there is of them, on all hosts.
    ///   - units: the logical units that volumes are behind on this host, by identity.
    ///   - sparsified: volumes whose files are copied without their zeros.
    init(
        manifest: Lookup, host: KVMHost, machines: [VirtualMachine], standalone: [Volume],
        observed: HostInventory, peers: [String: [IPAddress]], speakers: [IPAddress], identity: Identity,
        transit: Transit = Transit(), snapshots: Snapshots, units: [String: String] = [:],
        sparsified: Set<String> = []
    ) {
        self.units = units
        self.sparsified = sparsified
        self.snapshots = snapshots
        incoming = transit.arriving.values.reduce(into: [:]) { $0.merge($1.volumes) { one, _ in one } }
        self.identity = identity
        self.manifest = manifest
        bridgeNames = manifest.networks.mapValues { identity.bridgeName(of: $0) }
        inventory = HostInventory(host: host)
        inventory.host.status = observed.host.status
        observedVolumes = observed.volumes.reduce(into: [:]) {
            if $1.status?.staged != true { $0[$1.metadata.identity] = $1 }
        }
        var names: [UUID: String] = [:]
        for pool in observed.pools { if let status = pool.status { names[status.uuid] = status.name } }
        for machine in observed.machines + transit.arriving.values.map(\.machine) {
            if let status = machine.status { names[status.uuid] = machine.metadata.name }
        }
        ownNames = names
        seen = (observed.machines + transit.arriving.values.map(\.machine)).reduce(into: [:]) {
            $0[$1.metadata.identity] = $1
        }
        seedPaths = observed.seeds.mapValues(\.path)
        shaping = observed.shaping
        let hostID = host.metadata.identity
        for pool in manifest.fleet.pools where pool.isOn(host: hostID) { add(pool: pool, on: hostID) }
        for volume in standalone { add(volume: volume, id: volume.metadata.identity, on: hostID) }
        for machine in machines { add(machine: machine, on: hostID) }
        inventory.volumes += snapshots.kept(on: hostID)
        addNetworks(on: hostID, machines: machines, peers: peers)
        if let evpn = manifest.fleet.fleet.evpn { addRouting(evpn, observed, speakers: speakers) }
        inventory.volumes.sort { $0.metadata.identity < $1.metadata.identity }
        if !ports.isEmpty { inventory.firewall = Firewall(ports: ports) }
    }

    /// Where the image of a volume is stored, while the volume is not made.
    func imagePath(of volume: Volume) -> String? {
        guard let image = volume.spec.image.flatMap({ manifest.images[$0] }), let sha256 = image.spec.sha256,
            let pool = manifest.pools[volume.spec.pool].flatMap(manifest.files)
        else { return nil }
        return pool.spec.folder + "/" + identity.imageFileName(sha256: sha256, image.spec.format)
    }

    /// An image as the manifests have it.
    func manifestImage(_ id: String) -> Image? { manifest.images[id] }

    /// Whether the manifests name an image with that digest, or one whose digest is not known.
    func mayBeDeclared(_ sha256: String) -> Bool {
        manifest.fleet.images.contains { $0.spec.sha256 == nil || $0.spec.sha256 == sha256 }
    }

    /// Whether the manifests have an image with that digest by its URL.
    func isFetched(_ sha256: String) -> Bool {
        manifest.fleet.images.contains { $0.spec.url != nil && $0.spec.sha256 == sha256 }
    }

    private mutating func add(pool: StoragePool, on host: String) {
        var pool = pool
        let id = pool.metadata.identity
        pool.status = StoragePool.Status(
            host: host, uuid: identity.uuid(.storagePool, pool.metadata),
            name: pool.spec.ownName ?? pool.metadata.uuid.flatMap { ownNames[$0] }
                ?? identity.poolName(id))
        inventory.pools.append(pool)
    }

    /// Returns where the volume is to lie.
    @discardableResult private mutating func add(
        volume: Volume, id: String, on host: String, ignoresSize: Bool = false
    ) -> String? {
        var volume = volume
        guard let pool = manifest.pools[volume.spec.pool] else { return nil }
        let files = manifest.files(of: pool)
        let seen = observedVolumes[id]
        let arriving = seen?.status?.mark?.copy != nil || seen == nil ? incoming[id] : nil
        var status = Volume.Status(
            host: host, uuid: identity.uuid(ResourceID(.volume, id)),
            path: path(of: volume, id, in: pool, arriving ?? seen))
        var origin: String?
        if let source = arriving {
            origin = source.status?.mark?.origin
            if ignoresSize { volume.spec.size = source.spec.size }
            // Another version of the image would be no layer below it: then all of it is copied.
            if source.status?.backing != nil, let image = volume.spec.image.flatMap({ manifest.images[$0] }),
                image.spec.sha256 == origin, let files
            {
                status.backing = store(image, in: files, on: host, for: ResourceID(.volume, id))?.status?.path
            }
        } else if let seen, let known = seen.status {
            origin = known.mark?.origin
            // What is copied, to another pool or within its own, has nothing below it then.
            let isMoved = seen.spec.pool != volume.spec.pool || seen.spec.format != volume.spec.format
            let isRewritten = !isMoved && isRewritten(volume, id, seen, in: pool)
            status.backing = isMoved || isRewritten ? nil : known.backing
            if isRewritten, let other = identity.otherPath(of: known.path) { status.path = other }
            if ignoresSize { volume.spec.size = seen.spec.size }
        } else if let image = volume.spec.image.flatMap({ manifest.images[$0] }), let files {
            if let stored = store(image, in: files, on: host, for: ResourceID(.volume, id)) {
                origin = stored.spec.sha256
                if volume.spec.clone == .linked { status.backing = stored.status?.path }
            }
        } else if let source = volume.spec.source {
            origin = "\(ResourceID(.volume, source))"
        } else if let snapshot = volume.spec.snapshot {
            origin = "\(ResourceID(.snapshot, snapshot))"
        } else if let deleted = volume.spec.deleted {
            origin = "\(ResourceID(.volume, deleted))"
        }
        status.mark = Volume.Mark(
            fleet: identity.fleet, id: id, deletion: volume.spec.deletion, origin: origin,
            file: volume.spec.file, format: volume.spec.file.map { _ in volume.spec.format },
            shared: pool.spec.shared || seen?.status?.mark?.shared == true ? true : nil, unit: units[id])
        volume.status = status
        volumePaths[id] = status.path
        inventory.volumes.append(volume)
        return status.path
    }

    /// Where a volume lies: a file keeps which of its two names it has, in its pool and on other hosts.
    private func path(of volume: Volume, _ id: String, in pool: StoragePool, _ seen: Volume?) -> String {
        let path = identity.path(of: id, volume.spec, in: pool.spec)
        guard let known = seen?.status?.path, known != path, known == identity.otherPath(of: path) else { return path }
        return known
    }

    /// Whether a file is to be copied within its pool: it is a layer and is to be none, or is to lose its zeros. What comes from
    /// another host is so once it is here, and counts.
    private func isRewritten(_ volume: Volume, _ id: String, _ seen: Volume, in pool: StoragePool) -> Bool {
        guard volume.spec.file == nil, !pool.spec.shared, incoming[id] == nil, seen.status?.mark?.copy == nil else {
            return false
        }
        return volume.spec.clone == .full && seen.status?.backing != nil || sparsified.contains(id)
    }

    /// The image as it is to be stored in the pool; nil, and the user noted as impossible, while its digest is unknown.
    private mutating func store(
        _ image: Image, in pool: StoragePool, on host: String, for user: ResourceID
    ) -> Image? {
        guard let sha256 = image.spec.sha256 else {
            impossible[user] =
                "the digest of Image/\(image.metadata.name) is not known: \(image.spec.file ?? "it") was not read (--files)"
            return nil
        }
        var stored = image
        let path = pool.spec.folder + "/" + identity.imageFileName(sha256: sha256, image.spec.format)
        stored.status = Image.Status(host: host, pool: pool.metadata.identity, path: path)
        if imagePaths.insert(path).inserted { inventory.images.append(stored) }
        return stored
    }

    private mutating func add(machine: VirtualMachine, on host: String) {
        var machine = machine
        let id = machine.metadata.identity
        let resource = ResourceID(.virtualMachine, id)
        let uuid = identity.uuid(.virtualMachine, machine.metadata)
        machine.spec.host = host
        machine.spec.placement = .init()
        if machine.spec.accelerator == nil { acceleratorChoices += 1 }
        machine.spec.accelerator =
            machine.spec.accelerator ?? inventory.host.spec.accelerator.choice
            ?? inventory.host.status?.accelerator ?? .tcg
        var home: StoragePool?
        for index in machine.spec.disks.indices { home = place(disk: index, of: &machine, on: host) ?? home }
        for index in machine.spec.interfaces.indices {
            let interface = machine.spec.interfaces[index]
            guard let network = interface.network.flatMap({ manifest.networks[$0] }) else { continue }
            machine.spec.interfaces[index].mac =
                interface.mac ?? identity.macAddress(machine: identity.uuid(resource), interface: interface.name)
            machine.spec.interfaces[index].bridge = bridgeNames[network.metadata.identity]
            machine.spec.interfaces[index].mtu = network.spec.mtu
            filter(index, of: &machine, on: network)
        }
        bootFromOneDisk(&machine)
        // What a machine has beside its disks is files. They stay where they are when its disks move.
        let pool = home ?? inventory.pools.first { $0.spec.holdsFiles }
        place(boot: &machine, in: self.pool(of: seen[id]?.spec.boot?.kernelPath) ?? pool, on: host, resource)
        if let cloudInit = machine.spec.cloudInit {
            if let unread = cloudInit.secrets.first(where: { $0.secret.digest == nil })?.secret {
                let option = unread.file == nil ? "--age-identity" : "--secrets"
                impossible[resource] = "its \(unread.described) could not be read (\(option))"
            } else if let pool = self.pool(of: seen[id]?.spec.seed?.path ?? seedPaths[id]) ?? pool {
                machine.spec.seed = VirtualMachine.Seed(
                    path: pool.spec.folder + "/" + identity.seedFileName(machine: id))
                seeds[id] = SeedContents(
                    cloudInit, machine: machine, instance: uuid, networks: manifest.networks)
            } else {
                impossible[resource] = "its cloud-init seed needs a directory pool on \(host)"
            }
        }
        if machine.spec.console.serialLog {
            machine.spec.console.serialLogPath = identity.consoleLogPath(machine: id)
        }
        machine.status = VirtualMachine.Status(
            host: host, uuid: uuid, state: machine.spec.power == .running ? .running : .off,
            protected: machine.spec.protect)
        // An adopted domain keeps its name, which need not be one of ours.
        if let name = machine.metadata.uuid.flatMap({ ownNames[$0] }) {
            machine.metadata.id = id
            machine.metadata.name = name
        }
        inventory.machines.append(machine)
    }

    /// The directory pool that a file lies in.
    private func pool(of path: String?) -> StoragePool? {
        guard let path else { return nil }
        return inventory.pools.first { $0.spec.holdsFiles && path.hasPrefix($0.spec.folder + "/") }
    }

    /// Resolves a disk to its volume's place; returns the pool of the files that belong to it.
    private mutating func place(disk index: Int, of machine: inout VirtualMachine, on host: String) -> StoragePool? {
        let disk = machine.spec.disks[index]
        var id = disk.volume
        var declaration = disk.volume.flatMap { manifest.volumes[$0]?.spec }
        var path: String?
        if let declared = disk.declared {
            let inline = "\(machine.metadata.identity).\(disk.name)"
            path = add(
                volume: Volume(metadata: Metadata(name: inline), spec: declared), id: inline, on: host,
                ignoresSize: machine.spec.ignoreChanges.contains("disks[\(disk.name)].size"))
            id = inline
            declaration = declared
        }
        guard let id, let spec = declaration, let pool = manifest.pools[spec.pool] else { return nil }
        machine.spec.disks[index].volume = id
        machine.spec.disks[index].declared = nil
        machine.spec.disks[index].format = spec.format
        machine.spec.disks[index].path =
            path ?? volumePaths[id] ?? identity.path(of: id, spec, in: pool.spec)
        return manifest.files(of: pool)
    }

    /// Names the interface's link, which rules are about before it is there, unless its definition names one already.
    private mutating func filter(_ index: Int, of machine: inout VirtualMachine, on network: Network) {
        let id = machine.metadata.identity
        var limits: Bandwidth?
        if let bandwidth = machine.spec.interfaces[index].bandwidth, let shaping, shaping != .queues {
            limits = bandwidth
            machine.spec.interfaces[index].bandwidth = nil
            if shaping == .nothing {
                impossible[ResourceID(.virtualMachine, id)] =
                    "the bandwidth of \(machine.spec.interfaces[index].name) cannot be held: the host's kernel has neither "
                    + "the queues that libvirt uses (htb, sfq, police) nor limits in nftables"
            }
        }
        let interface = machine.spec.interfaces[index]
        guard interface.isFiltered || limits != nil else { return }
        let known = seen[id]
        machine.spec.interfaces[index].device =
            known?.spec.interfaces.first { $0.name == interface.name }?.device
            ?? identity.deviceName(machine: id, interface: interface.name)
        let port = Firewall.Port(
            machine.spec.interfaces[index], of: id, links: known?.links(of: interface.name) ?? [], limits: limits,
            network: network,
            members: manifest.members[network.metadata.identity] ?? [:], identity: identity)
        guard let port else { return }
        ports.append(port)
        filtered.insert(id)
    }

    /// Where no disk says that it is booted from, the one called `root` is, else the first by name.
    private func bootFromOneDisk(_ machine: inout VirtualMachine) {
        guard machine.spec.boot == nil, machine.spec.disks.allSatisfy({ $0.bootOrder == nil }) else { return }
        let disks = machine.spec.disks
        guard let index = disks.firstIndex(where: { $0.name == "root" }) ?? disks.indices.first else { return }
        machine.spec.disks[index].bootOrder = 1
    }

    private mutating func place(
        boot machine: inout VirtualMachine, in pool: StoragePool?, on host: String, _ resource: ResourceID
    ) {
        guard var boot = machine.spec.boot else { return }
        guard let pool else {
            impossible[resource] = "direct kernel boot needs a directory pool on \(host)"
            return
        }
        if let image = boot.kernel.flatMap({ manifest.images[$0] }) {
            boot.kernelPath = store(image, in: pool, on: host, for: resource)?.status?.path
        }
        if let image = boot.initrd.flatMap({ manifest.images[$0] }) {
            boot.initrdPath = store(image, in: pool, on: host, for: resource)?.status?.path
        }
        machine.spec.boot = boot
    }

    private mutating func addNetworks(
        on host: String, machines: [VirtualMachine], peers: [String: [IPAddress]]
    ) {
        let members = Set(machines.flatMap { $0.spec.interfaces.compactMap(\.network) })
        for var network in manifest.fleet.networks {
            let id = network.metadata.identity
            guard members.contains(id) || network.spec.namedHosts.contains(host) else { continue }
            let bridge = Network.Bridge(name: identity.bridgeName(of: network), mtu: network.spec.mtu)
            let underlay = inventory.host.spec.underlay
            let tunnel = network.spec.vxlan.map {
                Network.Tunnel(
                    name: identity.tunnelName(of: network), vni: $0.vni, port: $0.port, local: underlay?.address,
                    interface: underlay?.interface, mtu: network.spec.mtu, bridge: bridge.name,
                    flood: $0.flooding == .evpn ? [] : Set($0.peers + peers[id, default: []]).sorted(),
                    flooding: $0.flooding)
            }
            let vlan = network.spec.vlan.flatMap {
                $0.host == host
                    ? Network.VLANLink(
                        name: identity.vlanName(id), id: $0.id, interface: $0.interface, mtu: network.spec.mtu,
                        bridge: bridge.name) : nil
            }
            network.status = Network.Status(
                host: host, uuid: identity.uuid(ResourceID(.network, id)), bridge: bridge, tunnel: tunnel, vlan: vlan,
                service: Network.Service(
                    network, bridge: bridge.name, leases: manifest.leases[id] ?? [], identity: identity))
            inventory.networks.append(network)
        }
    }
}

extension Expectation {
    /// What FRR is to say where a network is carried by EVPN. What was there before the fleet stays somebody's.
    private mutating func addRouting(_ fleet: Fleet.Routing, _ observed: HostInventory, speakers: [IPAddress]) {
        guard inventory.networks.contains(where: { $0.status?.tunnel?.flooding == .evpn }),
            let address = inventory.host.spec.underlay?.address
        else { return }
        inventory.evpn = EVPN(
            asn: fleet.asn, address: address,
            neighbors: (fleet.routeReflectors.isEmpty ? speakers : fleet.routeReflectors).sorted(),
            ownsRouter: observed.evpn?.ownsRouter ?? (observed.foreignRouter == nil),
            ownsAdvertising: observed.evpn?.ownsAdvertising == true || observed.foreignRouter?.advertises != true)
    }
}

extension KVMHost.AcceleratorChoice {
    /// The accelerator that is asked for; nil when the proof decides.
    var choice: Accelerator? {
        switch self {
        case .auto: nil
        case .kvm: .kvm
        case .tcg: .tcg
        }
    }
}
