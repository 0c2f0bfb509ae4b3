public import Model

/// A host that does what a plan says, and nothing else. It refuses what the real backends refuse, so that a plan in a
/// wrong order fails here as it would there.
public struct Simulator: Sendable {
    /// What is on each host, by the host's identity.
    public var hosts: [String: HostInventory]

    /// What a backend would refuse.
    public struct Refusal: Error, CustomStringConvertible {
        /// Which step and why.
        public let description: String
    }

    /// Starts from what is there.
    public init(_ hosts: [String: HostInventory]) { self.hosts = hosts }

    /// Hosts on which nothing is.
    public static func empty(_ manifest: FleetManifest) -> Simulator {
        Simulator(
            manifest.hosts.reduce(into: [:]) { result, host in
                var host = host
                let id = host.metadata.identity
                host.status = KVMHost.Status(
                    uuid: Identity.hostUUID(machineID: id), hostname: id, cpu: 1 << 20, memory: ByteCount(1 << 60),
                    accelerator: .tcg, acceleratorReason: "", libvirtVersion: "9.0.0")
                // Targets are the operator's, and there before the fleet.
                let targets = manifest.pools.compactMap(\.spec.iscsi).filter { $0.manage?.host == id }
                result[id] = HostInventory(
                    host: host, targets: targets.map { ISCSITarget(name: $0.target) },
                    leases: manifest.pools.contains(where: \.spec.leases) ? Leases() : nil)
            })
    }

    /// What the next observation says. The host's own declaration is the manifest's, as in a real observation.
    public func observation(_ manifest: FleetManifest) -> [String: HostInventory] {
        manifest.hosts.reduce(into: [:]) { result, host in
            guard var inventory = hosts[host.metadata.identity] else { return }
            let status = inventory.host.status
            inventory.host = host
            inventory.host.status = status
            let folders = manifest.pools.map { $0.seen(from: host.metadata.identity) }.filter {
                $0.isOn(host: host.metadata.identity) && $0.metadata.uuid == nil && $0.spec.nfs == nil
            }
            inventory.hideFiles(besides: folders)
            inventory.showUnits(of: manifest)
            result[host.metadata.identity] = inventory
        }
    }

    /// Does every step of a plan, in order.
    public mutating func apply(_ plan: Plan) throws {
        for step in plan.steps { try apply(step) }
    }

    /// Does one step.
    public mutating func apply(_ step: Step) throws {
        try perform(step)
        shareFiles(of: step.host)
        for host in hosts.keys { noteLeases(of: host) }
    }

    /// What a step did to files in shared pools, the other hosts see.
    private mutating func shareFiles(of name: String) {
        guard let host = hosts[name], host.pools.contains(where: { $0.spec.shared }) else { return }
        let folders = host.pools.filter(\.spec.shared).map { $0.spec.folder + "/" }
        func isShared(_ path: String?) -> Bool { folders.contains { path?.hasPrefix($0) == true } }
        for other in hosts.keys where other != name {
            hosts[other]?.volumes.removeAll { isShared($0.status?.path) }
            hosts[other]?.volumes += host.volumes.filter { isShared($0.status?.path) }
            hosts[other]?.images.removeAll { isShared($0.status?.path) }
            hosts[other]?.images += host.images.filter { isShared($0.status?.path) }
            let own = hosts[other]?.seeds.filter { !isShared($0.value.path) } ?? [:]
            hosts[other]?.seeds = own.merging(host.seeds.filter { isShared($0.value.path) }) { own, _ in own }
        }
    }

    private mutating func perform(_ step: Step) throws {
        // Taken out of the dictionary, so that its lists are changed in place and not copied for each step.
        guard var host = hosts.removeValue(forKey: step.host) else {
            throw Refusal(description: "\(step.id): no such host")
        }
        if let name = step.operation.peer {
            guard var peer = hosts[name] else {
                hosts[step.host] = host
                throw Refusal(description: "\(step.id): no host \(name)")
            }
            defer {
                hosts[step.host] = host
                hosts[name] = peer
            }
            do {
                try host.perform(step.operation, with: &peer)
            } catch {
                throw Refusal(description: "\(step.id): \(error.why)")
            }
            return
        }
        defer { hosts[step.host] = host }
        do {
            switch step.operation {
            case .startMachine(let machine):
                try requireLeases(of: machine, on: host)
                try requireUnits(of: machine)
            case .unmapUnit(let volume, _): try requireUnused(volume)
            default: break
            }
            try host.perform(step.operation)
        } catch {
            throw Refusal(description: "\(step.id): \(error.why)")
        }
    }
}

extension Simulator {
    struct Impossible: Error {
        let why: String
    }
}

extension HostInventory {
    fileprivate mutating func perform(_ operation: Operation) throws(Simulator.Impossible) {
        switch operation {
        case .adoptPool, .adoptVolume, .adoptBridge, .adoptTunnel, .adoptMachine: try adopt(operation)
        case .createPool, .startPool, .extendPool, .growPool, .tendPool, .markPool, .removePool, .releasePool:
            try performOnPool(operation)
        case .importImage, .removeImage, .createVolume, .growVolume, .growDisk, .markVolume, .removeVolume,
            .keepDeleted, .expireDeleted, .removeStaged, .finishPart, .rotatePart, .writeSeed, .removeSeed:
            try performOnFile(operation)
        case .mapUnit(let volume): try map(volume)
        case .unmapUnit(let volume, _): try unmap(volume)
        case .copyWithin, .moveDisk, .removeReplaced, .cloneVolume, .takeSnapshot: try performOnCopy(operation)
        case .createBridge, .createTunnel, .updateBridge, .updateTunnel, .replaceTunnel, .removeTunnel, .removeBridge,
            .releaseTunnel, .releaseBridge, .removeStagedLink, .attachTap, .writeService, .removeService, .trimTunnel,
            .createVLAN, .updateVLAN, .removeVLAN:
            try performOnLink(operation)
        case .writeFirewall(let wanted), .trimFirewall(let wanted): firewall = wanted
        case .removeFirewall: firewall = nil
        case .writeBootFiles(let network, let files):
            try require(boot?.makesLinks == true, "nothing there reads them")
            let others = (boot?.files ?? []).filter { $0.network != network }
            boot?.files = (others + files).sorted { $0.name < $1.name }
        case .writeRouting(let wanted):
            try require(foreignRouter.map { $0.asn == wanted.asn } ?? true, "FRR's router is another system's")
            try require(
                foreignRouter?.neighbors.contains(where: wanted.neighbors.contains) != true,
                "a neighbour is somebody else's")
            evpn = wanted
        case .removeRouting:
            evpn = nil
        case .defineMachine, .updateMachine, .setBandwidth, .startMachine, .stopMachine, .restartMachine,
            .undefineMachine:
            try performOnMachine(operation)
        case .copyVolume, .removeCopy, .migrateMachine, .relocateMachine, .dropMachine:
            throw Simulator.Impossible(why: "it takes two hosts")
        }
    }

    private mutating func performOnFile(_ operation: Operation) throws(Simulator.Impossible) {
        if let path = operation.file {
            try require(pools.contains { path.hasPrefix($0.spec.folder + "/") }, "its folder is no pool's")
        }
        switch operation {
        case .importImage(let image):
            try require(pools.contains { $0.metadata.identity == image.status?.pool }, "no such pool")
            try require(!images.contains { $0.status?.path == image.status?.path }, "the image is there")
            images.removeAll { $0.status?.path == image.status.map { Identity.part(of: $0.path) } }
            images.append(image)
        case .removeImage(let image):
            try require(!volumes.contains { $0.status?.backing == image.status?.path }, "a volume is a layer over it")
            images.removeAll { $0.status?.path == image.status?.path }
        case .createVolume(let volume):
            try require(pools.contains { $0.metadata.identity == volume.spec.pool }, "no such pool")
            try require(!volumes.contains { $0.status?.path == volume.status?.path }, "the volume is there")
            if let backing = volume.status?.backing {
                try require(images.contains { $0.status?.path == backing }, "its image is not stored")
            }
            volumes.append(volume)
        case .growVolume(let volume):
            let path = volume.status?.path
            let user = machines.first { machine in
                machine.status?.state.isActive == true
                    && (machine.status?.live ?? machine.spec).disks.contains { $0.path == path }
            }
            try require(user == nil, "\(user?.metadata.identity ?? "") runs with it")
            try require(!isMapped(volume), "its target has it")
            try change(volume) { $0.spec.size = volume.spec.size }
        case .growDisk(let volume, _, _):
            try require(!isMapped(volume), "its target has it")
            try change(volume) { $0.spec.size = volume.spec.size }
        case .markVolume(let volume):
            try change(volume) { $0.status?.mark = volume.status?.mark }
        case .removeVolume(let volume):
            try require(!isMapped(volume), "its target has it")
            try require(
                !machines.contains { $0.paths.contains(volume.status?.path ?? "") }, "a machine uses the volume")
            volumes.removeAll { $0.status?.path == volume.status?.path }
        case .keepDeleted(let volume, let kept):
            let path = volume.status?.path
            try require(!machines.contains { $0.paths.contains(path ?? "") }, "a machine uses the volume")
            try require(!volumes.contains { $0.status?.backing == path }, "a volume is a layer over it")
            try require(!volumes.contains { $0.status?.path == kept?.status?.path }, "its new name is taken")
            guard let index = volumes.firstIndex(where: { $0.status?.path == path }) else {
                throw Simulator.Impossible(why: "no such volume")
            }
            volumes[index...index] = [kept].compactMap(\.self)[...]
        case .expireDeleted(let volume):
            let seen = volumes.first { $0.status?.path == volume.status?.path }
            try require(seen?.isDeleted == true, "it was not deleted")
            volumes.removeAll { $0.status?.path == volume.status?.path }
        case .rotatePart(let volume, let keeping):
            for part in keeping {
                try require(
                    volumes.contains { $0.status?.path == part.status?.path && $0.status?.staged == false },
                    "what is kept is not there")
            }
            let seen = volumes.first { $0.status?.path == volume.status?.path }
            try require(seen?.status?.mark?.part == volume.status?.mark?.part, "it is no part of that")
            volumes.removeAll { $0.status?.path == volume.status?.path }
        case .finishPart(let volume):
            let path = volume.status?.path ?? ""
            let staged = [path, path + Identity.stagedSuffix]
            let isUnnamed = { (seen: Volume) in seen.status.map { $0.staged && staged.contains($0.path) } ?? false }
            try require(volumes.contains(where: isUnnamed), "there is nothing that lacks its name")
            volumes.removeAll(where: isUnnamed)
            volumes.append(volume)
        case .removeStaged(let path):
            volumes.removeAll { $0.status?.path == path }
            images.removeAll { $0.status?.path == path }
        case .writeSeed(let path, let machine, let contents):
            seeds[machine] = VirtualMachine.Seed(path: path, digest: contents.digest(salt: "00"), salt: "00")
        case .removeSeed(let path, let machine):
            try require(
                !machines.contains { $0.status?.state.isActive == true && $0.paths.contains(path) },
                "a running machine has the seed")
            seeds[machine] = nil
        default: throw Simulator.Impossible(why: "not for a file")
        }
    }

    private mutating func performOnLink(_ operation: Operation) throws(Simulator.Impossible) {
        switch operation {
        case .createBridge(let network), .updateBridge(let network):
            update(network) { $0.status?.bridge = network.status?.bridge }
        case .createTunnel(let network), .updateTunnel(let network), .replaceTunnel(let network),
            .trimTunnel(let network):
            let vni = network.status?.tunnel?.vni
            try require(
                !networks.contains {
                    $0.status?.tunnel?.vni == vni && $0.metadata.identity != network.metadata.identity
                }, "the VNI is taken")
            update(network) { $0.status?.tunnel = network.status?.tunnel }
        case .removeStagedLink(let name): stagedLinks.removeAll { $0 == name }
        case .attachTap(let tap):
            try require(networks.contains { $0.status?.bridge?.name == tap.bridge }, "its bridge is not there")
            looseTaps.removeAll { $0 == tap }
        case .removeTunnel(let network), .releaseTunnel(let network): update(network) { $0.status?.tunnel = nil }
        case .createVLAN(let network), .updateVLAN(let network):
            let link = network.status?.vlan
            try require(networks.contains { $0.status?.bridge?.name == link?.bridge }, "its bridge is not there")
            try require(
                !networks.contains {
                    $0.metadata.identity != network.metadata.identity && $0.status?.vlan?.id == link?.id
                        && $0.status?.vlan?.interface == link?.interface
                }, "the VLAN is taken")
            update(network) { $0.status?.vlan = link }
        case .removeVLAN(let network): update(network) { $0.status?.vlan = nil }
        case .removeBridge(let network), .releaseBridge(let network):
            let name = network.status?.bridge?.name ?? ""
            try require(!machines.contains { $0.bridges.contains(name) }, "a machine is on the bridge")
            try require(!networks.contains { $0.status?.service?.bridge == name }, "DHCP's link is on the bridge")
            update(network) { $0.status?.bridge = nil }
        case .writeService(let network):
            let bridge = network.status?.service?.bridge
            try require(networks.contains { $0.status?.bridge?.name == bridge }, "its bridge is not there")
            update(network) { $0.status?.service = network.status?.service }
        case .removeService(let network): update(network) { $0.status?.service = nil }
        default: throw Simulator.Impossible(why: "not for a link")
        }
        networks.removeAll {
            $0.status?.bridge == nil && $0.status?.tunnel == nil && $0.status?.vlan == nil && $0.status?.service == nil
        }
    }

    private mutating func performOnMachine(_ operation: Operation) throws(Simulator.Impossible) {
        switch operation {
        case .defineMachine(let machine):
            try require(!machines.contains { $0.metadata.name == machine.metadata.name }, "the name is taken")
            try requireParts(of: machine)
            var machine = machine.observed
            machine.status?.state = .off
            machines.append(machine)
        case .updateMachine(let machine):
            try requireParts(of: machine)
            let index = try self.index(of: machine)
            let before = machines[index]
            try require(before.status?.state != .saved, "its memory is saved")
            machines[index].spec = machine.observed.spec
            machines[index].status?.persistent = true
            machines[index].status?.protected = machine.spec.protect
            if before.status?.state.isActive == true {
                machines[index].status?.live = before.status?.live ?? before.spec
            } else {
                machines[index].metadata = machine.metadata
                if machine.spec.unmanagedDevices == .remove { machines[index].status?.unmanaged = [] }
            }
        case .setBandwidth(let machine, let name):
            let index = try self.index(of: machine)
            try require(machines[index].status?.state.isActive == true, "it does not run")
            var live = machines[index].status?.live ?? machines[index].spec
            for place in live.interfaces.indices where live.interfaces[place].name == name {
                live.interfaces[place].bandwidth = machine.spec.interfaces.first { $0.name == name }?.bandwidth
            }
            let isAsDefined = live == machines[index].spec
            machines[index].status?.live = isAsDefined ? nil : live
        case .startMachine(let machine), .restartMachine(let machine):
            let index = try self.index(of: machine)
            try requireParts(of: machines[index])
            try requireDisks(of: machines[index])
            try requireFilter(of: machine)
            machines[index].status?.links = [:]
            machines[index].metadata = machine.metadata
            // What was saved goes on as it was.
            if machines[index].status?.state != .saved { machines[index].status?.live = nil }
            machines[index].status?.state = .running
            looseTaps.removeAll { $0.machine == machine.metadata.identity }
            if machine.spec.unmanagedDevices == .remove { machines[index].status?.unmanaged = [] }
        case .stopMachine(let machine):
            looseTaps.removeAll { $0.machine == machine.metadata.identity }
            let index = try self.index(of: machine)
            machines[index].status?.state = .off
            machines[index].status?.live = nil
            machines[index].status?.links = [:]
        case .undefineMachine(let machine):
            let index = try self.index(of: machine)
            try require(machines[index].status?.state.isActive == false, "it runs")
            try require(machines[index].status?.state != .saved, "its memory is saved")
            machines.remove(at: index)
        default: throw Simulator.Impossible(why: "not for a machine")
        }
    }

    func require(_ holds: Bool, _ why: String) throws(Simulator.Impossible) {
        if !holds { throw Simulator.Impossible(why: why) }
    }

    func requireParts(of machine: VirtualMachine) throws(Simulator.Impossible) {
        // What is on a server is the server's.
        for path in machine.spec.disks.compactMap(\.path) where !StoragePool.isRemote(path) {
            try require(volumes.contains { $0.status?.path == path }, "its disk \(path) is not there")
        }
        for bridge in machine.spec.interfaces.compactMap(\.bridge) {
            try require(networks.contains { $0.status?.bridge?.name == bridge }, "its bridge \(bridge) is not there")
        }
        if let seed = machine.spec.seed?.path {
            try require(seeds.values.contains { $0.path == seed }, "its seed is not there")
        }
    }

    /// QEMU starts with no file that another one writes to.
    func requireDisks(of machine: VirtualMachine) throws(Simulator.Impossible) {
        let disks = Set(machine.spec.disks.compactMap(\.path))
        for other in machines
        where other.metadata.identity != machine.metadata.identity && other.status?.state.isActive == true {
            let disk = (other.status?.live ?? other.spec).disks.compactMap(\.path).first(where: disks.contains)
            try require(disk == nil, "\(other.metadata.identity) runs with its disk \(disk ?? "")")
        }
    }

    /// The kernel would let it start; nothing may run a moment without its rules.
    func requireFilter(of machine: VirtualMachine) throws(Simulator.Impossible) {
        for interface in machine.spec.interfaces where interface.isFiltered {
            let isThere = firewall?.ports.contains { $0.devices.contains(interface.device ?? "") } == true
            try require(isThere, "the firewall has no rules for its interface \(interface.name)")
        }
    }

    func index(of machine: VirtualMachine) throws(Simulator.Impossible) -> Int {
        guard let index = machines.firstIndex(where: { $0.metadata.identity == machine.metadata.identity }) else {
            throw Simulator.Impossible(why: "no such machine")
        }
        return index
    }

    private mutating func change(_ volume: Volume, _ body: (inout Volume) -> Void) throws(Simulator.Impossible) {
        guard let index = volumes.firstIndex(where: { $0.status?.path == volume.status?.path }) else {
            throw Simulator.Impossible(why: "no such volume")
        }
        body(&volumes[index])
    }

    mutating func update(_ network: Network, _ body: (inout Network) -> Void) {
        if let index = networks.firstIndex(where: { $0.metadata.identity == network.metadata.identity }) {
            body(&networks[index])
        } else {
            var new = network
            new.status?.bridge = nil
            new.status?.tunnel = nil
            new.status?.vlan = nil
            new.status?.service = nil
            body(&new)
            networks.append(new)
        }
    }
}

extension VirtualMachine {
    /// What an observation says of the machine: nothing that only the manifest knows.
    fileprivate var observed: VirtualMachine {
        var machine = self
        machine.spec.cloudInit = nil
        machine.spec.host = status?.host
        machine.spec.power = .running
        machine.spec.ignoreChanges = []
        machine.spec.unmanagedDevices = .keep
        for index in machine.spec.interfaces.indices {
            machine.spec.interfaces[index].address = nil
            machine.spec.interfaces[index].spoofProtection = true
            machine.spec.interfaces[index].securityGroups = []
        }
        return machine
    }

    var paths: Set<String> {
        Set(
            [spec, status?.live].compactMap(\.self).flatMap {
                $0.disks.compactMap(\.path) + [$0.seed?.path].compactMap(\.self)
            })
    }

    fileprivate var bridges: Set<String> {
        Set([spec, status?.live].compactMap(\.self).flatMap { $0.interfaces.compactMap(\.bridge) })
    }
}
