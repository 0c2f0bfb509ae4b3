import Foundation
import Model

/// What people, crashes and broken disks leave on a host.
extension HostInventory {
    /// Does some of it.
    mutating func disturb(_ random: inout SeededGenerator, identity: Identity) {
        var parts = volumes.filter { $0.status?.mark?.part != nil }
        volumes.removeAll { $0.status?.mark?.part != nil }
        for index in parts.indices where random.chance(40) {
            // A run that was killed while it named them, a disk that was lost, a fleet that knew it before.
            switch Int.random(in: 0..<3, using: &random) {
            case 0:
                parts[index].status?.staged = true
                parts[index].status?.mark = nil
                if let path = parts[index].status?.path, !path.hasPrefix("/dev/") {
                    parts[index].status?.path = path + Identity.stagedSuffix
                }
            case 1: parts[index].status?.mark?.retained = true
            default: parts[index].metadata.name = ""
            }
        }
        defer { volumes += parts.filter { !$0.metadata.name.isEmpty } }
        for index in machines.indices { disturbMachine(index, &random) }
        if random.chance(40) { loseFile(&random) }
        if random.chance(25), let pool = pools.randomElement(using: &random)?.metadata.identity { lose(pool: pool) }
        leaveUnfinished(&random, identity)
        if random.chance(30), let index = networks.indices.randomElement(using: &random) {
            if random.chance(50) {
                networks[index].status?.tunnel = nil
            } else {
                networks[index].status?.tunnel?.vni += 1000
            }
        }
        if random.chance(20) { firewall?.isIntact = false }
        if random.chance(10) { firewall = nil }
        if random.chance(20) { evpn?.isIntact = false }
        if random.chance(10) { evpn = nil }
    }

    private mutating func disturbMachine(_ index: Int, _ random: inout SeededGenerator) {
        switch Int.random(in: 0..<8, using: &random) {
        case 0 where machines[index].status?.state == .running: machines[index].status?.state = .paused
        case 1 where machines[index].status?.state == .running: machines[index].status?.state = .saved
        case 2: machines[index].status?.state = .crashed
        case 3 where machines[index].status?.state == .running: machines[index].status?.persistent = false
        case 4: if !machines[index].spec.disks.isEmpty { machines[index].spec.disks.removeLast() }
        case 5: machines[index].status?.unmanaged = ["interface 52:54:00:00:77:01 on virbr0"]
        case 6 where machines[index].status?.state == .running:
            let machine = machines[index]
            for interface in machine.spec.interfaces {
                guard let bridge = interface.bridge else { continue }
                looseTaps.append(
                    Tap(machine: machine.metadata.identity, device: interface.device ?? "vnet9", bridge: bridge))
            }
        default: break
        }
    }

    /// A disk's file is gone, or it was kept by a fleet that knew it before.
    private mutating func loseFile(_ random: inout SeededGenerator) {
        guard let index = volumes.indices.randomElement(using: &random) else { return }
        if random.chance(50) { volumes.remove(at: index) } else { volumes[index].status?.mark?.retained = true }
    }

    /// libvirt has forgotten a pool; what lies in it is there.
    private mutating func lose(pool: String) { pools.removeAll { $0.metadata.identity == pool } }

    /// What a run that was killed has left.
    private mutating func leaveUnfinished(_ random: inout SeededGenerator, _ identity: Identity) {
        if random.chance(40), var volume = volumes.randomElement(using: &random), let path = volume.status?.path {
            volume.status?.path = path + Identity.stagedSuffix
            volume.status?.staged = true
            volume.status?.mark = nil
            volumes.append(volume)
        }
        if random.chance(40) { leaveCopy(&random, identity) }
        if random.chance(40), var image = images.randomElement(using: &random), let path = image.status?.path {
            // A part is gone on with where its image is fetched; elsewhere it is in nobody's way and goes.
            let isPart = random.chance(50)
            image.status?.path = isPart ? Identity.part(of: path) : path + Identity.stagedSuffix
            image.status?.staged = true
            if isPart, random.chance(50) { images.removeAll { $0.status?.path == path } }
            images.append(image)
        }
        if random.chance(40) {
            stagedLinks.append(identity.bridgeName("n\(Int.random(in: 0..<4, using: &random))") + "-s")
        }
    }

    /// What a move to another pool, or a copying within one, has left that was killed before its end, or after it.
    private mutating func leaveCopy(_ random: inout SeededGenerator, _ identity: Identity) {
        let files = volumes.indices.filter {
            volumes[$0].status?.staged == false && volumes[$0].spec.pool.hasPrefix("p")
        }
        guard let index = files.randomElement(using: &random) else { return }
        var copy = volumes[index]
        let id = copy.metadata.identity
        let old = copy.spec.pool
        let beside = random.chance(30) ? copy.status.flatMap { identity.otherPath(of: $0.path) } : nil
        if beside == nil { copy.spec.pool = old == "p0" ? "p1" : "p0" }
        guard pools.contains(where: { $0.metadata.identity == copy.spec.pool }),
            beside != nil
                || !volumes.contains(where: { $0.metadata.identity == id && $0.spec.pool == copy.spec.pool })
        else { return }
        let place = identity.path(of: id, copy.spec, in: .init(path: "/var/lib/infra/\(copy.spec.pool)"))
        copy.status?.path = beside ?? place
        copy.status?.backing = nil
        switch Int.random(in: 0..<3, using: &random) {
        case 0: copy.status?.mark?.copy = .incomingFrom(pool: old)
        case 1:
            copy.status?.mark?.copy = .incomingFrom(pool: old)
            volumes[index].status?.mark?.copy = .movedToPool(copy.spec.pool)
        default: copy.status?.mark?.copy = .movedToPool(old)
        }
        volumes.append(copy)
    }

    /// A driver that failed, or one thing that it could not make sense of: that is then not among what was seen.
    mutating func hide(_ random: inout SeededGenerator) {
        switch Int.random(in: 0..<7, using: &random) {
        case 0: unknown.append(UnknownArea(.host, reason: "it does not answer"))
        case 1:
            machines = []
            looseTaps = []
            unknown.append(UnknownArea(.compute, reason: "libvirt does not answer"))
        case 2:
            (pools, volumes, images, seeds) = ([], [], [], [:])
            unknown.append(UnknownArea(.storage, reason: "a disk does not answer"))
        case 3:
            (networks, stagedLinks, looseTaps) = ([], [], [])
            unknown.append(UnknownArea(.network, reason: "ip failed"))
        case 4:
            firewall = nil
            unknown.append(UnknownArea(.firewall, reason: "nft failed"))
        case 5:
            guard let index = machines.indices.randomElement(using: &random) else { return }
            let machine = machines.remove(at: index)
            unknown.append(
                UnknownArea(
                    .compute, resource: ResourceID(.virtualMachine, machine.metadata.identity), reason: "not understood"
                ))
        default:
            guard let pool = pools.randomElement(using: &random)?.metadata.identity else { return }
            volumes.removeAll { $0.spec.pool == pool }
            images.removeAll { $0.status?.pool == pool }
            unknown.append(
                UnknownArea(.storage, resource: ResourceID(.storagePool, pool), reason: "it is not started"))
        }
    }
}
