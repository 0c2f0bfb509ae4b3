import Model

extension HostInventory {
    /// Does what is done to a pool.
    mutating func performOnPool(_ operation: Operation) throws(Simulator.Impossible) {
        switch operation {
        case .createPool(let pool):
            try require(!pools.contains { $0.spec.folder == pool.spec.folder }, "the folder has a pool")
            foreign.removeAll { $0.kind == .volumeGroup && $0.name == pool.status?.name }
            pools.append(pool.asMade)
        case .startPool(let pool), .extendPool(let pool), .growPool(let pool), .tendPool(let pool), .markPool(let pool):
            pools.removeAll { $0.metadata.identity == pool.metadata.identity }
            pools.append(pool.asMade)
        case .removePool(let pool), .releasePool(let pool):
            let prefix = pool.spec.folder + "/"
            try require(
                !machines.contains { $0.paths.contains { $0.hasPrefix(prefix) } }, "a machine has a file in it")
            // The files stay, and come back into sight with the pool or its declaration.
            pools.removeAll { $0.metadata.identity == pool.metadata.identity }
        default: throw Simulator.Impossible(why: "not for a pool")
        }
    }

    /// Takes what nobody sees out of sight: what lies in pools that are neither there nor declared.
    mutating func hideFiles(besides declared: [StoragePool]) {
        let folders = Set((pools + declared.map { $0.seen(from: host.metadata.identity) }).map(\.spec.folder))
        func isHidden(_ path: String?) -> Bool { !folders.contains { path?.hasPrefix($0 + "/") == true } }
        volumes.removeAll { isHidden($0.status?.path) }
        images.removeAll { isHidden($0.status?.path) }
        seeds = seeds.filter { !isHidden($0.value.path) }
    }
}

extension HostInventory {
    /// What the manifests name of targets and clusters is there, as large as they say.
    mutating func showUnits(of manifest: FleetManifest) {
        let host = host.metadata.identity
        let identity = Identity(fleet: manifest.fleet.uuid)
        for pool in manifest.pools where pool.isOn(host: host) && pool.spec.isRemote {
            let id = pool.metadata.identity
            var seen = pool
            seen.status = StoragePool.Status(
                host: host, uuid: identity.uuid(ResourceID(.storagePool, id)), name: pool.spec.ownName ?? "")
            pools.removeAll { $0.metadata.identity == id }
            volumes.removeAll { $0.spec.pool == id }
            pools.append(seen)
            for volume in manifest.volumes
            where volume.spec.pool == id && (volume.spec.lun != nil || volume.spec.rbdImage != nil) {
                volumes.append(volume.asUnit(in: pool.spec, on: host, identity))
            }
        }
    }
}

extension StoragePool {
    /// The pool as an observation shows it once it is made.
    fileprivate var asMade: StoragePool {
        guard let lvm = spec.lvm else { return self }
        var made = self
        made.status?.group = VolumeGroup(
            extent: status?.group?.extent ?? LVM.extentSize,
            thinPool: lvm.thinPool.map { thin in
                guard case .bytes(let size) = thin.size else {
                    return status?.group?.thinPool ?? ThinPoolUse(size: .gibibytes(1), metadata: .mebibytes(4))
                }
                return ThinPoolUse(
                    size: max(size, status?.group?.thinPool?.size ?? size), metadata: thin.metadata ?? .mebibytes(4))
            })
        made.status?.group?.thinPool?.autoextend = lvm.thinPool?.autoextend
        made.status?.group?.thinPool?.autoextendFlaw = nil
        return made
    }
}
