import Model

extension HostInventory {
    /// Does what is about two copies of one volume on this host.
    mutating func performOnCopy(_ operation: Operation) throws(Simulator.Impossible) {
        switch operation {
        case .copyWithin(let copy, let source, let machine, let disk):
            try requireRoom(for: copy, source)
            let path = source.status?.path ?? ""
            try require(
                !machines.contains { $0.status?.state.isActive == true && $0.paths.contains(path) },
                "a running machine uses it")
            if let machine, let disk {
                let index = try self.index(of: machine)
                try require(
                    machines[index].spec.disks.first { $0.name == disk }?.path == path, "its disk \(disk) is another")
                machines[index].spec.take(copy, in: disk)
            }
        case .moveDisk(let copy, let source, let machine, let disk):
            try requireRoom(for: copy, source)
            let index = try self.index(of: machine)
            let running = machines[index].status?.live ?? machines[index].spec
            try require(machines[index].status?.state.isActive == true, "it does not run")
            try require(
                running.disks.first { $0.name == disk }?.path == source.status?.path, "its disk \(disk) is another")
            machines[index].spec.take(copy, in: disk)
            machines[index].status?.live?.take(copy, in: disk)
        case .removeReplaced(let copy, let counting, _):
            let path = copy.status?.path ?? ""
            guard let seen = volumes.first(where: { $0.status?.path == path }) else {
                throw Simulator.Impossible(why: "no such volume")
            }
            try require(seen.status?.mark?.copy?.isOfPool == true, "it counts")
            let other = volumes.first { $0.status?.path == counting.status?.path }
            try require(other?.status.map { $0.mark?.copy == nil } == true, "the other one does not count")
            try require(!machines.contains { $0.paths.contains(path) }, "a machine uses it")
            volumes.removeAll { $0.status?.path == path }
        case .cloneVolume(let volume, let source, let machine, let disk):
            try require(!volumes.contains { $0.status?.path == volume.status?.path }, "the volume is there")
            try require(pools.contains { $0.metadata.identity == volume.spec.pool }, "no such pool")
            let seen = volumes.first { $0.status?.path == source.status?.path }
            try require(seen.map { $0.spec.size <= volume.spec.size } == true, "what it is a copy of is not there")
            let users = machines.filter { user in
                user.status?.state.isActive == true
                    && (user.status?.live ?? user.spec).disks.contains { $0.path == source.status?.path }
            }
            try require(
                users.allSatisfy { $0.metadata.identity == machine?.metadata.identity && disk != nil },
                "a running machine writes to what it is a copy of")
            volumes.append(volume)
        case .takeSnapshot(let disks, let machine):
            for disk in disks { try keep(disk, machine) }
        default: throw Simulator.Impossible(why: "not for a copy")
        }
    }

    private mutating func keep(
        _ disk: SnapshotDisk, _ machine: VirtualMachine?
    ) throws(Simulator.Impossible) {
        try require(!volumes.contains { $0.status?.path == disk.volume.status?.path }, "the volume is there")
        try require(pools.contains { $0.metadata.identity == disk.volume.spec.pool }, "no such pool")
        let path = disk.source.status?.path
        let seen = volumes.first { $0.status?.path == path }
        try require(seen?.spec.size == disk.volume.spec.size, "what it is of is not there, or has another size")
        for user in machines where user.status?.state.isActive == true {
            let name = (user.status?.live ?? user.spec).disks.first { $0.path == path }?.name
            guard let name else { continue }
            try require(
                user.metadata.identity == machine?.metadata.identity && name == disk.disk,
                "a running machine writes to what it is of")
        }
        volumes.append(disk.volume)
    }

    private func requireRoom(for copy: Volume, _ source: Volume) throws(Simulator.Impossible) {
        let sizes = [copy, source].map { volume in
            volumes.first { $0.status?.path == volume.status?.path }?.spec.size
        }
        try require(sizes[0] != nil && sizes[0] == sizes[1], "there is no room of its size")
        let mark = volumes.first { $0.status?.path == copy.status?.path }?.status?.mark
        try require(mark?.copy == .incomingFrom(pool: source.spec.pool), "it is no room for that")
    }
}

extension VirtualMachine.Spec {
    fileprivate mutating func take(_ copy: Volume, in name: String) {
        guard let index = disks.firstIndex(where: { $0.name == name }) else { return }
        disks[index].path = copy.status?.path
        disks[index].format = copy.spec.format
    }
}
