import Model

extension Adoption {
    /// Takes a domain among ours, under the manifest's names.
    mutating func adopt(_ machine: VirtualMachine) {
        let id = machine.metadata.identity
        let resource = ResourceID(.virtualMachine, id)
        guard let uuid = machine.metadata.uuid, !inventory.machines.contains(where: { $0.metadata.identity == id }),
            !isUnknown(.compute, resource)
        else { return }
        let isIt = { (object: ForeignObject) in object.kind == .domain && object.uuid == uuid.lowercased }
        guard let found = inventory.adoptable.machines.first(where: { $0.status?.uuid == uuid }) else {
            refuse(
                resource, "domain \(uuid.lowercased)", field: "metadata.uuid",
                found: inventory.foreign.first(where: isIt))
            return
        }
        let (adopted, devices) = renamed(found, as: machine)
        inventory.machines.append(adopted)
        inventory.foreign.removeAll(where: isIt)
        let parts =
            machine.spec.disks.compactMap { $0.volume.map { ResourceID(.volume, $0) } }
            + machine.spec.interfaces.compactMap { $0.network.map { ResourceID(.network, $0) } }
        add(
            resource, .adoptMachine(adopted.asTarget, devices: devices),
            changes: [FieldChange("status.name", old: nil, new: found.metadata.name)], after: parts)
    }

    /// The domain with the manifest's names for those of its devices that the manifest means: disks by their file,
    /// interfaces by their Ethernet address. The others are nobody's.
    private func renamed(
        _ found: VirtualMachine, as machine: VirtualMachine
    ) -> (machine: VirtualMachine, devices: DeviceMap) {
        var disks: [String: (name: String, volume: String)] = [:]
        for disk in machine.spec.disks {
            guard let volume = disk.volume.flatMap({ manifest.volumes[$0] }), let path = manifest.path(of: volume),
                let device = found.spec.disks.first(where: { $0.path == path })
            else { continue }
            disks[device.name] = (disk.name, volume.metadata.identity)
        }
        var interfaces: [String: String] = [:]
        var devices = DeviceMap(disks: disks.reduce(into: [:]) { $0[$1.value.name] = $1.key })
        for interface in machine.spec.interfaces {
            guard let mac = interface.mac, let device = found.spec.interfaces.first(where: { $0.mac == mac }) else {
                continue
            }
            interfaces[device.name] = interface.name
            devices.interfaces[interface.name] = mac
        }
        let networks = inventory.networks.reduce(into: [String: String]()) {
            if let name = $1.status?.bridge?.name { $0[name] = $1.metadata.identity }
        }
        func rename(_ spec: VirtualMachine.Spec) -> VirtualMachine.Spec {
            var spec = spec
            spec.disks = spec.disks.compactMap { disk in
                guard let known = disks[disk.name] else { return nil }
                var disk = disk
                disk.name = known.name
                disk.volume = known.volume
                return disk
            }.sorted { $0.name < $1.name }
            spec.interfaces = spec.interfaces.compactMap { interface in
                guard let name = interfaces[interface.name] else { return nil }
                var interface = interface
                interface.name = name
                interface.network = interface.bridge.flatMap { networks[$0] }
                return interface
            }.sorted { $0.name < $1.name }
            return spec
        }
        var result = found
        result.metadata.id = machine.metadata.identity
        result.spec = rename(found.spec)
        result.status?.live = found.status?.live.map(rename)
        if result.status?.live == result.spec { result.status?.live = nil }
        result.status?.links = (found.status?.links ?? [:]).reduce(into: [:]) { links, link in
            if let name = interfaces[link.key] { links[name] = link.value }
        }
        result.status?.unmanaged +=
            found.spec.disks.filter { disks[$0.name] == nil }.map {
                "disk \($0.name)" + ($0.path.map { " (\($0))" } ?? "")
            }
            + found.spec.interfaces.filter { interfaces[$0.name] == nil }.map {
                "interface \($0.mac?.description ?? $0.name)" + ($0.bridge.map { " on \($0)" } ?? "")
            }
        return (result, devices)
    }
}
