import Model

extension HostInventory {
    /// Does what takes two hosts. `self` is the step's own.
    mutating func perform(
        _ operation: Operation, with peer: inout HostInventory
    ) throws(Simulator.Impossible) {
        switch operation {
        case .copyVolume(let volume, _):
            let path = volume.status?.path
            let source = peer.volumes.first { $0.status?.path == path }
            try require(source?.spec.size == volume.spec.size, "there is nothing to copy")
            try require(
                !peer.machines.contains { $0.status?.state.isActive == true && $0.paths.contains(path ?? "") },
                "a running machine uses it")
            try require(!volumes.contains { $0.status?.path == path }, "the volume is there")
            try require(volume.status?.mark?.copy == .incoming, "it would count at once")
            if let backing = volume.status?.backing {
                try require(images.contains { $0.status?.path == backing }, "its image is not stored")
            }
            volumes.append(volume)
        case .removeCopy(let volume, _):
            let path = volume.status?.path ?? ""
            guard let seen = volumes.first(where: { $0.status?.path == path }) else {
                throw Simulator.Impossible(why: "no such volume")
            }
            try require(seen.status?.mark?.copy != nil, "it counts")
            try require(!machines.contains { $0.paths.contains(path) }, "a machine uses it")
            if case .movedTo = seen.status?.mark?.copy {
                let isThere = peer.volumes.contains {
                    $0.metadata.identity == volume.metadata.identity && $0.status?.mark?.copy == nil
                }
                try require(isThere, "the other one does not count")
            }
            volumes.removeAll { $0.status?.path == path }
        case .migrateMachine(let machine, let passage): try take(machine, passage, from: &peer, isLive: true)
        case .relocateMachine(let machine, let passage): try take(machine, passage, from: &peer, isLive: false)
        case .dropMachine(let machine, _):
            let index = try self.index(of: machine)
            try require(machines[index].status?.state != .running, "it runs")
            try require(
                peer.machines.contains { $0.metadata.identity == machine.metadata.identity }, "it is nowhere else")
            machines.remove(at: index)
        default: throw Simulator.Impossible(why: "it takes one host")
        }
    }

    private mutating func take(
        _ machine: VirtualMachine, _ passage: Passage, from peer: inout HostInventory, isLive: Bool
    ) throws(Simulator.Impossible) {
        let index = try peer.index(of: machine)
        var moved = peer.machines[index]
        try require(moved.status?.state == .running || !isLive, "it does not run")
        try require(moved.status?.state.isActive == false || isLive, "it runs")
        try require(!machines.contains { $0.metadata.identity == machine.metadata.identity }, "it is here")
        try require(!machines.contains { $0.metadata.name == moved.metadata.name }, "the name is taken")
        try requireParts(of: moved)
        if isLive { try requireFilter(of: machine) }
        let running = isLive ? moved.status?.live ?? moved.spec : moved.spec
        for name in passage.copied {
            let path = running.disks.first { $0.name == name }?.path
            try require(
                path != nil && path == machine.spec.disks.first { $0.name == name }?.path,
                "the disk \(name) is another file there")
            let sizes = [self, peer].map { host in host.volumes.first { $0.status?.path == path }?.spec.size }
            try require(sizes[0] != nil && sizes[0] == sizes[1], "the disk \(name) is not of its size here")
        }
        moved.spec.host = passage.to
        moved.status?.live?.host = passage.to
        moved.status?.host = passage.to
        peer.machines.remove(at: index)
        peer.looseTaps.removeAll { $0.machine == machine.metadata.identity }
        machines.append(moved)
    }
}
