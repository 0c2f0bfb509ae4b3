import Model

extension Importer {
    /// What no manifest can say of a domain as a whole.
    static func obstacle(to machine: VirtualMachine) -> String? {
        let memory = machine.spec.memory
        for size in [memory.size, memory.max] where size.bytes % (1 << 20) != 0 || size < .mebibytes(16) {
            return "no manifest can say its memory, \(size.bytes) bytes: whole MiB, at least 16"
        }
        if memory.max < memory.size { return "it has more memory than its maximum" }
        if !(1...288).contains(machine.spec.cpu.count) || !(1...288).contains(machine.spec.cpu.max) {
            return "it has \(machine.spec.cpu.max) processors; a manifest says 1 to 288"
        }
        if let port = machine.spec.console.vnc?.port, !(5900...65_535).contains(port) {
            return "its VNC port is \(port); a manifest says 5900 to 65535"
        }
        return nil
    }

    mutating func importMachine(_ found: VirtualMachine) {
        guard let status = found.status else { return }
        let name = name(.virtualMachine, for: found.metadata.name, or: "machine")
        let resource = ResourceID(.virtualMachine, name)
        var spec = found.spec
        spec.host = host.metadata.name
        spec.ready = .running
        spec.power = status.state == .running ? .running : status.state == .paused ? .manual : .stopped
        spec.console = VirtualMachine.Console(serialLog: false, vnc: found.spec.console.vnc)
        spec.boot = nil
        spec.seed = nil
        var left = status.unmanaged
        spec.disks = found.spec.disks.compactMap { disk in
            guard let volume = volume(at: disk.path), disk.bootOrder.map({ (1...99).contains($0) }) ?? true else {
                left.append("disk \(disk.name) (\(disk.path ?? ""))")
                return nil
            }
            return VirtualMachine.Disk(name: disk.name, volume: volume, bus: disk.bus, bootOrder: disk.bootOrder)
        }.sorted { $0.name < $1.name }
        spec.interfaces = found.spec.interfaces.compactMap { interface in
            guard let network = network(on: interface.bridge), let mac = interface.mac, !mac.isMulticast,
                mac.value != 0, !isUsed(mac)
            else {
                left.append(
                    "interface \(interface.mac?.description ?? interface.name)"
                        + (interface.bridge.map { " on \($0)" } ?? ""))
                return nil
            }
            if interface.mtu != network.spec.mtu { spec.ignoreChanges.append("interfaces[\(interface.name)].mtu") }
            return VirtualMachine.Interface(
                name: interface.name, network: network.metadata.name, mac: mac, model: interface.model,
                // Nothing filters its frames so far.
                spoofProtection: false, bandwidth: interface.bandwidth)
        }.sorted { $0.name < $1.name }
        // What is booted from is said elsewhere in its definition, where it stays.
        if !spec.disks.isEmpty, spec.disks.allSatisfy({ $0.bootOrder == nil }) {
            spec.ignoreChanges.append("disks[\(spec.disks[0].name)].bootOrder")
        }
        machines.append(VirtualMachine(metadata: Metadata(name: name, uuid: status.uuid), spec: spec))
        tell(resource, found, left)
    }

    private mutating func tell(_ resource: ResourceID, _ found: VirtualMachine, _ left: [String]) {
        if found.metadata.name != resource.id { remark(resource, "libvirt calls it \(found.metadata.name)") }
        for device in left { remark(resource, "left alone, as no manifest can say it: \(device)") }
        if found.status?.live != nil {
            remark(resource, "runs with other values than its definition has; a restart, which is deferred, ends that")
        }
        if found.status?.state == .paused { remark(resource, "is paused, and left so by power: manual") }
    }

    /// The name of the volume in a file; nil where no manifest has that.
    private func volume(at path: String?) -> String? {
        guard let path else { return nil }
        return volumes.first { volume in
            (existing.pools + pools).contains {
                $0.metadata.name == volume.spec.pool && $0.spec.folder + "/" + (volume.spec.file ?? "") == path
            }
        }?.metadata.name
    }

    /// The network of a bridge, ours or imported.
    private func network(on bridge: String?) -> Network? {
        guard let bridge else { return nil }
        let identity = Identity(fleet: existing.fleet.uuid)
        return (existing.networks + networks).first { identity.bridgeName(of: $0) == bridge }
    }

    private func isUsed(_ mac: MACAddress) -> Bool {
        (existing.machines + machines).contains { $0.spec.interfaces.contains { $0.mac == mac } }
    }
}
