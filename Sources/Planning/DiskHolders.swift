import Model

/// Which machines have volumes as disks, by the manifests and as they were seen.
struct DiskHolders {
    private let wanted: [String: (machine: String, disk: String)]
    private let seen: [String: VirtualMachine]

    init(_ machines: [VirtualMachine], observed: [VirtualMachine]) {
        wanted = machines.reduce(into: [:]) { wanted, machine in
            for disk in machine.spec.disks {
                if let volume = disk.volume { wanted[volume] = (machine.metadata.identity, disk.name) }
            }
        }
        seen = observed.reduce(into: [:]) { $0[$1.metadata.identity] = $1 }
    }

    /// The machine that is to have a volume as a disk, by identity.
    func machine(of volume: String) -> String? { wanted[volume]?.machine }

    /// Where the disk is read from that is to be a volume, when that is not the volume's own path.
    func place(besides volume: Volume) -> (machine: String, disk: String, path: String)? {
        guard let (machine, disk) = wanted[volume.metadata.identity], let seen = seen[machine] else { return nil }
        for spec in [seen.spec, seen.status?.live].compactMap(\.self) {
            if let path = spec.disks.first(where: { $0.name == disk })?.path, path != volume.status?.path {
                return (machine, disk, path)
            }
        }
        return nil
    }
}

extension HostPlanner {
    /// Why a volume does not hold what its machine has written, or would not: the machine's disk is read from elsewhere, such as an
    /// external snapshot over it, or the volume in a pool that nobody sees. Another volume that the manifests replace is no such place.
    mutating func elsewhere(_ volume: Volume) -> String? {
        guard let place = holders.place(besides: volume) else { return nil }
        let known = observed.volumes + expectation.inventory.volumes
        let owner = known.first { $0.status?.path == place.path }?.metadata.identity
        if let owner, owner != volume.metadata.identity { return nil }
        return
            "the disk \(place.disk) of VirtualMachine/\(place.machine) is \(place.path), and not \(volume.status?.path ?? "")"
    }
}
