public import Hosts
public import Model

extension StorageDriver {
    /// Makes the volume group from its devices, which must carry no signature, or marks the one that is there where the
    /// manifest says so; then makes the thin pool.
    func createGroup(_ pool: StoragePool, _ lvm: StoragePool.LVM) async throws(HostError) {
        let tags = LVMTags.tags(of: pool, in: identity)
        let report = try await report(devices: lvm.devices)
        if let group = report.group(lvm.volumeGroup) {
            if LVMTags.pool(group.tags, in: identity)?.id != pool.metadata.identity {
                try await adopt(group, lvm, tags, report)
            }
            if !lvm.devices.isEmpty { try await extend(lvm, of: pool.metadata.identity) }
        } else {
            guard !lvm.devices.isEmpty else {
                throw .surprise("there is no volume group \(lvm.volumeGroup) any more")
            }
            try await run(StorageScripts.checkDevices, lvm.devices)
            try await change(
                "vgcreate",
                ["--physicalextentsize", "\(StoragePool.LVM.extentSize.bytes)b"] + Self.adding(tags)
                    + ["--", lvm.volumeGroup] + lvm.devices)
        }
        try await makeThinPool(of: pool, lvm)
        if let thin = lvm.thinPool, thin.autoextend != nil { try await tend(thin, lvm, of: pool.metadata.identity) }
    }

    private func adopt(
        _ group: VolumeGroupRecord, _ lvm: StoragePool.LVM, _ tags: [String], _ report: LVMReport
    ) async throws(HostError) {
        guard lvm.adopt, LVMTags.ours(group.tags).isEmpty else {
            throw .surprise("the volume group \(group.name) is there and not ours")
        }
        if let obstacle = group.obstacle { throw .surprise("the volume group \(group.name): \(obstacle)") }
        if let thin = lvm.thinPool, let volume = report.volume(thin.name, in: group.name) {
            guard volume.isThinPool else { throw .surprise("\(volume.path) is no thin pool") }
            guard volume.isZeroing else {
                throw .surprise(
                    "the thin pool \(volume.path) does not give out its space as zeros; `lvchange --zero y` mends that")
            }
        }
        try requireNamed(group, lvm, report)
        try await change("vgchange", Self.adding(tags) + ["--", group.name])
    }

    /// Extends a volume group by those of its declared devices that it lacks, which must carry no signature.
    ///
    /// - Throws: `.surprise` when it is not there or not ours, or has devices that are not declared.
    public func extendPool(_ pool: StoragePool) async throws(HostError) {
        let (id, _) = try expected(pool)
        guard let lvm = pool.spec.lvm else { throw .surprise("StoragePool/\(id) is no volume group") }
        try await extend(lvm, of: id)
    }

    private func extend(_ lvm: StoragePool.LVM, of id: String) async throws(HostError) {
        let report = try await report(devices: lvm.devices)
        let group = try requireGroup(lvm.volumeGroup, of: id, report)
        let missing = group.devices(among: lvm.devices, report.numbers).missing
        guard !missing.isEmpty else { return }
        try requireNamed(group, lvm, report)
        try await run(StorageScripts.checkDevices, missing)
        try await change("vgextend", ["--", group.name] + missing)
    }

    /// Throws `.surprise` when a group lacks devices and has others: those may be the same under other names.
    private func requireNamed(
        _ group: VolumeGroupRecord, _ lvm: StoragePool.LVM, _ report: LVMReport
    ) throws(HostError) {
        let devices = group.devices(among: lvm.devices, report.numbers)
        guard devices.missing.isEmpty || devices.others.isEmpty else {
            throw .surprise(
                "the volume group \(group.name) has \(devices.others.joined(separator: ", ")), which devices does not name, and lacks "
                    + devices.missing.joined(separator: ", "))
        }
    }

    /// Makes the thin pool of a volume group that has none, and activates all of ours.
    func startGroup(_ pool: StoragePool, _ lvm: StoragePool.LVM) async throws(HostError) {
        _ = try requireGroup(lvm.volumeGroup, of: pool.metadata.identity, try await report())
        try await makeThinPool(of: pool, lvm)
        let volumes = try await report().volumes(in: lvm.volumeGroup).filter {
            !$0.isActive && ($0.name == lvm.thinPool?.name || LVMTags.mark($0.tags, in: identity) != nil)
        }
        if !volumes.isEmpty {
            try await change("lvchange", ["--activate", "y", "--"] + volumes.map { "\($0.group)/\($0.name)" })
        }
        if let thin = lvm.thinPool, thin.autoextend != nil { try await tend(thin, lvm, of: pool.metadata.identity) }
    }

    /// Makes the declared thin pool unless it is there. Full, it fails what is written and QEMU pauses the guest, which
    /// loses nothing; LVM's default lets all of them wait.
    private func makeThinPool(of pool: StoragePool, _ lvm: StoragePool.LVM) async throws(HostError) {
        guard let thin = lvm.thinPool else { return }
        let report = try await report()
        _ = try requireGroup(lvm.volumeGroup, of: pool.metadata.identity, report)
        if let volume = report.volume(thin.name, in: lvm.volumeGroup) {
            guard volume.isThinPool else { throw .surprise("\(volume.path) is there and no thin pool") }
            return
        }
        let size =
            switch thin.size {
            case .bytes(let size): ["--size", "\(size.bytes)b"]
            case .percent(let share): ["--extents", "\(share)%FREE"]
            }
        try await change(
            "lvcreate",
            [
                "--type", "thin-pool", "--config", "activation/error_when_full=1", "--zero", "y", "--discards",
                "passdown",
            ] + size
                + (thin.metadata.map { ["--poolmetadatasize", "\($0.bytes)b"] } ?? [])
                + (thin.chunk.map { ["--chunksize", "\($0.bytes)b"] } ?? [])
                + Self.adding(LVMTags.tags(of: pool, in: identity))
                + ["--name", thin.name, "--", lvm.volumeGroup])
    }

    /// Grows the thin pool to its declared size. One that has it is a success.
    ///
    /// - Throws: `.surprise` when it is not there or not ours, `.command` when the group has no room.
    public func growPool(_ pool: StoragePool) async throws(HostError) {
        let (id, _) = try expected(pool)
        let report = try await report()
        guard let lvm = pool.spec.lvm, let thin = lvm.thinPool, case .bytes(let size) = thin.size else {
            throw .surprise("the plan has no size for the thin pool of StoragePool/\(id)")
        }
        _ = try requireGroup(lvm.volumeGroup, of: id, report)
        guard let volume = report.volume(thin.name, in: lvm.volumeGroup), volume.isThinPool else {
            throw .surprise("StoragePool/\(id) has no thin pool \(thin.name) any more")
        }
        guard volume.size < size.bytes else { return }
        try await change("lvextend", ["--size", "\(size.bytes)b", "--", "\(lvm.volumeGroup)/\(thin.name)"])
    }

    /// Rewrites what the volume group of a pool says about itself.
    ///
    /// - Throws: `.surprise` when it is not there or not ours.
    public func markPool(_ pool: StoragePool) async throws(HostError) {
        let (id, _) = try expected(pool)
        guard let lvm = pool.spec.lvm else { throw .surprise("StoragePool/\(id) is no volume group") }
        let group = try requireGroup(lvm.volumeGroup, of: id, try await report())
        let (old, new) = (LVMTags.ours(group.tags), LVMTags.tags(of: pool, in: identity))
        let (gone, come) = (old.filter { !new.contains($0) }, new.filter { !old.contains($0) })
        guard !gone.isEmpty || !come.isEmpty else { return }
        try await change("vgchange", Self.removing(gone) + Self.adding(come) + ["--", group.name])
    }

    /// Takes our mark off the volume group. The group stays with all that is in it.
    func releaseGroup(_ pool: StoragePool, _ lvm: StoragePool.LVM) async throws(HostError) {
        let report = try await report(devices: [])
        guard let group = report.group(lvm.volumeGroup), let mark = LVMTags.pool(group.tags, in: identity),
            mark.id == pool.metadata.identity
        else { return }
        if let thin = mark.thinPool.flatMap({ report.volume($0, in: group.name) }) {
            try await endTending(thin, of: mark.id, report)
        }
        try await change("vgchange", Self.removing(LVMTags.ours(group.tags)) + ["--", group.name])
    }
}
