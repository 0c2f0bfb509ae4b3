import Hosts
import Model

extension StorageReading {
    /// Takes in what LVM says. Without LVM there is no volume group, which matters where one is wanted.
    ///
    /// - Parameter wanted: the declared pools, whose declarations the observed ones carry on.
    mutating func add(_ answer: Result<LVMReport, HostError>, wanted: [StoragePool]) {
        let groups = wanted.filter { $0.spec.lvm != nil && $0.isOn(host: host) }
        switch answer {
        case .success(let report):
            let declared = wanted.reduce(into: [:]) { $0[$1.metadata.identity] = $1 }
            for group in report.groups { add(group, report, declared) }
        case .failure(.command(_, 127, _)):
            for pool in groups { isUnknown(pool: pool.metadata.identity, "LVM is not installed (lvm2)") }
        case .failure(let error):
            for pool in groups {
                isUnknown(pool: pool.metadata.identity, "LVM's volume groups could not be read: \(error)")
            }
        }
    }

    private mutating func add(
        _ group: VolumeGroupRecord, _ report: LVMReport, _ declared: [String: StoragePool]
    ) {
        let volumes = report.volumes(in: group.name)
        guard let mark = LVMTags.pool(group.tags, in: identity) else {
            let owner = LVMTags.owner(group.tags)
            let isMarked = !LVMTags.ours(group.tags).isEmpty
            result.foreign.append(
                ForeignObject(
                    kind: .volumeGroup, name: CommandText.printable(group.name), owner: owner,
                    obstacle: !owner.isEmpty
                        ? "it belongs to \(owner)" : isMarked ? "it carries another mark" : group.obstacle))
            return
        }
        if result.pools.contains(where: { $0.metadata.identity == mark.id }) {
            return isUnknown(pool: mark.id, "the volume group \(group.name) and another pool both carry its mark")
        }
        if let obstacle = group.obstacle {
            isUnknown(pool: mark.id, "the volume group \(group.name) cannot be worked with: \(obstacle)")
        }
        let thin = mark.thinPool.flatMap { name in volumes.first { $0.name == name && $0.isThinPool } }
        var ours: [LogicalVolumeRecord] = []
        for volume in volumes where volume != thin {
            if add(volume, inPool: mark) { ours.append(volume) }
        }
        result.pools.append(pool(group, mark, thin, ours: ours, report, declared[mark.id]))
    }

    private func pool(
        _ group: VolumeGroupRecord, _ mark: (id: String, thinPool: String?), _ thin: LogicalVolumeRecord?,
        ours: [LogicalVolumeRecord], _ report: LVMReport, _ declared: StoragePool?
    ) -> StoragePool {
        let old = declared?.spec.lvm
        let devices = group.devices(among: old?.devices ?? [], report.numbers)
        var lvm = StoragePool.LVM(
            volumeGroup: group.name, devices: devices.there + devices.others, adopt: old?.adopt ?? false,
            images: old?.images,
            wipe: group.tags.contains(LVMTags.wipe))
        lvm.thinPool = mark.thinPool.map { name in
            old?.thinPool.flatMap { $0.name == name ? $0 : nil }
                ?? StoragePool.ThinPool(name: name, size: .bytes(ByteCount(thin?.size ?? 0)))
        }
        var spec = declared?.spec ?? StoragePool.Spec(.lvm(lvm))
        spec.backend = .lvm(lvm)
        let use = thin.map {
            let autoextend = report.autoextend(of: $0, in: mark.id, identity)
            return StoragePool.ThinPoolUse(
                size: ByteCount($0.size), metadata: ByteCount($0.metadataSize), dataPercent: $0.dataPercent,
                metadataPercent: $0.metadataPercent, autoextend: autoextend.seen, autoextendFlaw: autoextend.flaw)
        }
        let space = Self.space(group, thin, mark.thinPool, ours, report.volumes(in: group.name))
        return StoragePool(
            metadata: declared?.metadata ?? Metadata(name: mark.id), spec: spec,
            status: StoragePool.Status(
                host: host, uuid: identity.uuid(ResourceID(.storagePool, mark.id)), name: group.name,
                active: (ours + [thin].compactMap(\.self)).allSatisfy(\.isActive), autostart: true,
                capacity: space.map { ByteCount($0.capacity) }, available: space.map { ByteCount($0.available) },
                group: StoragePool.VolumeGroup(extent: ByteCount(group.extent), thinPool: use)))
    }

    /// What volumes of ours can have, in bytes. What others have promised in our thin pool is theirs.
    private static func space(
        _ group: VolumeGroupRecord, _ thin: LogicalVolumeRecord?, _ thinPool: String?, _ ours: [LogicalVolumeRecord],
        _ volumes: [LogicalVolumeRecord]
    ) -> (capacity: UInt64, available: UInt64)? {
        guard thinPool != nil else {
            return (ours.reduce(group.free) { $0 + $1.size }, group.free)
        }
        guard let thin else { return nil }
        let others = volumes.filter { $0.pool == thin.name && !ours.contains($0) }.reduce(UInt64(0)) { $0 + $1.size }
        let taken = UInt64(Double(thin.size) * min(max(thin.dataPercent ?? 0, 0), 100) / 100)
        return (thin.size - min(others, thin.size), thin.size - taken)
    }

    /// A logical volume in a group of ours; whether it is ours itself.
    private mutating func add(
        _ volume: LogicalVolumeRecord, inPool pool: (id: String, thinPool: String?)
    ) -> Bool {
        guard var mark = LVMTags.mark(of: volume, in: identity) else {
            addStranger(volume, inPool: pool)
            return false
        }
        let isStaged = volume.tags.contains(LVMTags.staged)
        // It goes, and never gets its name back.
        if volume.tags.contains(LVMTags.wiping) { mark.part = nil }
        // A growth that was cut off begins anew: the guest may not have been told of it.
        let size = min(volume.size, LVMTags.sizeBeforeGrowth(volume.tags) ?? volume.size)
        let share = volume.pool.isEmpty ? 100 : min(max(volume.dataPercent ?? 0, 0), 100)
        result.volumes.append(
            Volume(
                metadata: Metadata(name: mark.id),
                spec: Volume.Spec(
                    pool: pool.id, size: ByteCount(size), clone: .full, format: .raw, deletion: mark.deletion,
                    file: mark.file),
                status: Volume.Status(
                    host: host, uuid: identity.uuid(ResourceID(.volume, mark.id)),
                    path: volume.path + (isStaged ? Identity.stagedSuffix : ""), mark: mark,
                    allocation: ByteCount(UInt64(Double(volume.size) * share / 100)), staged: isStaged)))
        return true
    }

    /// A logical volume in a group of ours that is not ours. A manifest may adopt it.
    private mutating func addStranger(_ volume: LogicalVolumeRecord, inPool pool: (id: String, thinPool: String?)) {
        let obstacle = volume.obstacle(inThinPool: pool.thinPool)
        result.foreign.append(
            ForeignObject(
                kind: .file, name: CommandText.printable(volume.path), owner: LVMTags.owner(volume.tags),
                obstacle: obstacle))
        guard obstacle == nil else { return }
        result.adoptable.volumes.append(
            Volume(
                metadata: Metadata(name: volume.name),
                spec: Volume.Spec(pool: pool.id, size: ByteCount(volume.size), clone: .full, format: .raw),
                status: Volume.Status(
                    host: host, uuid: identity.uuid(ResourceID(.volume, volume.name)), path: volume.path)))
    }
}
