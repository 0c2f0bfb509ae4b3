import Model

extension Simulator {
    /// A unit of a target that runs on one of the hosts has to be there.
    func requireUnits(of machine: VirtualMachine) throws(Impossible) {
        for path in machine.spec.disks.compactMap(\.path) {
            guard let unit = StoragePool.LogicalUnit(path: path) else { continue }
            let targets = hosts.values.flatMap(\.targets).filter { $0.name == unit.target.target }
            guard targets.isEmpty || targets.contains(where: { $0.units.contains { $0.number == unit.number } }) else {
                throw Impossible(why: "its target does not have \(path)")
            }
        }
    }

    /// Nobody may have it open.
    func requireUnused(_ volume: Volume) throws(Impossible) {
        let unit = volume.status?.mark?.unit ?? ""
        for machine in hosts.values.flatMap(\.machines) where machine.status?.state.isActive == true {
            let spec = machine.status?.live ?? machine.spec
            guard !spec.disks.contains(where: { $0.path == unit }) else {
                throw Impossible(why: "\(machine.metadata.identity) has it open")
            }
        }
    }
}

extension HostInventory {
    mutating func map(_ volume: Volume) throws(Simulator.Impossible) {
        guard let (index, unit) = place(of: volume), let path = volume.status?.path else {
            throw Simulator.Impossible(why: "its target is not there")
        }
        let seen = volumes.first { $0.status?.path == path }
        try require(seen?.status?.mark?.unit == unit.path, "its file is not there, or says something else")
        try require(!targets[index].units.contains { $0.number == unit.number || $0.path == path }, "the unit is there")
        targets[index].units.append(ISCSITarget.Unit(number: unit.number, path: path))
        targets[index].units.sort { $0.number < $1.number }
    }

    mutating func unmap(_ volume: Volume) throws(Simulator.Impossible) {
        guard let (index, unit) = place(of: volume) else { return }
        targets[index].units.removeAll { $0.number == unit.number && $0.path == volume.status?.path }
    }

    func isMapped(_ volume: Volume) -> Bool {
        targets.contains { $0.units.contains { $0.path == volume.status?.path } }
    }

    private func place(of volume: Volume) -> (index: Int, unit: StoragePool.LogicalUnit)? {
        guard let unit = volume.status?.mark?.unit.flatMap({ StoragePool.LogicalUnit(path: $0) }),
            let index = targets.firstIndex(where: { $0.name == unit.target.target })
        else { return nil }
        return (index, unit)
    }
}
