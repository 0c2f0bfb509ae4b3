import Model

extension HostInventory {
    /// Marks what is there, and refuses what is not there or somebody's.
    mutating func adopt(_ operation: Operation) throws(Simulator.Impossible) {
        switch operation {
        case .adoptPool(let pool):
            try take(&adoptable.pools, "pool") { $0.status?.uuid == pool.status?.uuid }
            foreign.removeAll { $0.kind == .pool && $0.uuid == pool.status?.uuid.lowercased }
            pools.append(pool)
        case .adoptVolume(let volume):
            try require(pools.contains { $0.metadata.identity == volume.spec.pool }, "its pool is not ours")
            try take(&adoptable.volumes, "file") { $0.status?.path == volume.status?.path }
            foreign.removeAll { $0.kind == .file && $0.name == volume.status?.path }
            volumes.append(volume)
        case .adoptBridge(let network):
            let name = network.status?.bridge?.name
            try require(adoptable.networks.contains { $0.status?.bridge?.name == name }, "there is no such bridge")
            foreign.removeAll { $0.kind == .link && $0.name == name }
            update(network) { $0.status?.bridge = network.status?.bridge }
        case .adoptTunnel(let network):
            let name = network.status?.tunnel?.name
            try require(adoptable.networks.contains { $0.status?.tunnel?.name == name }, "there is no such link")
            foreign.removeAll { $0.kind == .link && $0.name == name }
            update(network) { $0.status?.tunnel = network.status?.tunnel }
        case .adoptMachine(let machine, let devices):
            try require(
                Set(devices.disks.keys) == Set(machine.spec.disks.map(\.name))
                    && Set(devices.interfaces.keys) == Set(machine.spec.interfaces.map(\.name)),
                "its map is not one of its devices")
            try requireParts(of: machine)
            let found = adoptable.machines.first { $0.status?.uuid == machine.status?.uuid }
            try take(&adoptable.machines, "domain") { $0.status?.uuid == machine.status?.uuid }
            foreign.removeAll { $0.kind == .domain && $0.uuid == machine.status?.uuid.lowercased }
            var machine = machine
            machine.status?.live = found?.status?.live
            machine.status?.links = found?.status?.links ?? [:]
            machines.append(machine)
        default: throw Simulator.Impossible(why: "adopts nothing")
        }
    }

    private func take<Value>(
        _ list: inout [Value], _ what: String, where fits: (Value) -> Bool
    ) throws(Simulator.Impossible) {
        guard let index = list.firstIndex(where: fits) else {
            throw Simulator.Impossible(why: "there is no such \(what), or it is somebody's")
        }
        list.remove(at: index)
    }
}

extension Simulator {
    /// The same hosts as a stranger would meet them: all there is and nobody's. Only what import can say: machines that
    /// boot from disks and have no seed.
    public func unmarked() -> Simulator {
        Simulator(
            hosts.mapValues { host in
                var bare = HostInventory(host: host.host)
                bare.adoptable = Adoptable(
                    pools: host.pools, volumes: host.volumes.map(\.unmarked), networks: host.networks,
                    machines: host.machines)
                bare.foreign =
                    host.machines.map {
                        ForeignObject(
                            kind: .domain, name: $0.metadata.name, uuid: $0.status?.uuid.lowercased,
                            macs: $0.spec.interfaces.compactMap(\.mac))
                    }
                    + host.pools.map {
                        ForeignObject(
                            kind: .pool, name: $0.status?.name ?? "", uuid: $0.status?.uuid.lowercased,
                            path: $0.spec.folder)
                    }
                return bare
            })
    }
}

extension Volume {
    fileprivate var unmarked: Volume {
        var volume = self
        volume.status?.mark = nil
        return volume
    }
}
