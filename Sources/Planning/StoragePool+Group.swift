import Model

extension HostPlanner {
    /// A volume group that is not ours yet: made from devices, or taken over by the manifest's word.
    mutating func planNewGroup(_ pool: StoragePool, _ lvm: StoragePool.LVM, _ resource: ResourceID) {
        let found = observed.foreign.first { $0.kind == .volumeGroup && $0.name == lvm.volumeGroup }
        guard let found else {
            if lvm.devices.isEmpty {
                block(
                    resource, "group-missing", "there is no volume group \(lvm.volumeGroup) on host \(host)",
                    field: "spec.lvm.adopt", help: "write devices: to have it made")
                return
            }
            add(
                resource, .create, .createPool(pool), reason: "not there",
                changes: [FieldChange("spec.lvm.devices", old: nil, new: lvm.devices.joined(separator: ", "))])
            return
        }
        if let obstacle = found.obstacle {
            block(resource, "\(found.described) cannot be adopted: \(obstacle)")
        } else if !lvm.adopt {
            block(
                resource, "group-foreign", "\(found.described) is there and not ours", field: "spec.lvm.volumeGroup",
                help: "take another name, or write adopt: true to take it over")
        } else {
            add(
                resource, .adopt, .createPool(pool),
                reason: "is there and not ours; what is in it stays as it is, and it gets our mark"
                    + (lvm.devices.isEmpty ? "" : ", and what it lacks of devices"),
                changes: [FieldChange("status.name", old: nil, new: lvm.volumeGroup)])
        }
    }

    /// What differs of a volume group of ours.
    mutating func plan(_ pool: StoragePool, _ lvm: StoragePool.LVM, seen: StoragePool, _ old: StoragePool.LVM) {
        let resource = ResourceID(.storagePool, pool.metadata.identity)
        if isHeld(resource, area: .storage) { return }
        guard lvm.volumeGroup == old.volumeGroup else {
            refuse(
                "pool-path", "the volume group of a pool cannot change from \(old.volumeGroup) to \(lvm.volumeGroup)",
                resource, field: "spec.lvm.volumeGroup", help: "declare a second pool and move the volumes to it")
            return
        }
        guard lvm.thinPool?.name == old.thinPool?.name else {
            let what = old.thinPool.map { "lie in the thin pool \($0.name)" } ?? "are not thin"
            refuse(
                "pool-path", "the volumes of the pool \(what), and stay so", resource, field: "spec.lvm.thinPool",
                help: "declare a second pool and move the volumes to it")
            return
        }
        guard let status = seen.status, let group = status.group else { return }
        var made = pool
        made.status?.group = group
        if let thin = lvm.thinPool, group.thinPool == nil {
            add(
                resource, .update, .startPool(made), reason: "its thin pool is not there",
                changes: [FieldChange("spec.lvm.thinPool", old: nil, new: thin.name)])
        } else if !status.active {
            add(
                resource, .update, .startPool(made), reason: "not all of it is active",
                changes: [FieldChange("status.active", old: "false", new: "true")])
        }
        if lvm.wipe != old.wipe {
            add(
                resource, .update, .markPool(made),
                reason: lvm.wipe ? "what leaves it is wiped from now on" : "what leaves it is not wiped any more",
                changes: [FieldChange("spec.lvm.wipe", old: String(old.wipe), new: String(lvm.wipe))],
                after: [id(resource, "start")])
        }
        planDevices(made, lvm, old, resource)
        if let thin = lvm.thinPool, let use = group.thinPool {
            planSize(made, thin, use, group.extent, resource)
            planAutoextend(made, thin, use, resource)
        }
    }

    /// A group is extended by devices that come to the manifest, and none is ever taken out of it. One that it has under another
    /// name looks like one that it lacks, so nothing is done while it has any that the manifest does not name.
    private mutating func planDevices(
        _ pool: StoragePool, _ lvm: StoragePool.LVM, _ old: StoragePool.LVM, _ resource: ResourceID
    ) {
        guard !lvm.devices.isEmpty else { return }
        let missing = lvm.devices.filter { !old.devices.contains($0) }
        let others = old.devices.filter { !lvm.devices.contains($0) }.joined(separator: ", ")
        if missing.isEmpty {
            guard !others.isEmpty else { return }
            note(
                "pool-devices", "the volume group has \(others), too; no device is taken out of a group", resource,
                help: "`pvmove` and `vgreduce` do that; or name it in devices")
        } else if others.isEmpty {
            add(
                resource, .update, .extendPool(pool), reason: "gets more devices",
                changes: [
                    FieldChange(
                        "spec.lvm.devices", old: old.devices.joined(separator: ", "),
                        new: lvm.devices.joined(separator: ", "))
                ])
        } else {
            block(
                resource, "pool-devices",
                "the volume group has \(others), which devices does not name, and lacks \(missing.joined(separator: ", "))",
                field: "spec.lvm.devices", help: "name all that it has, and those that it is to be extended by")
        }
    }

    /// How a thin pool grows by itself.
    private mutating func planAutoextend(
        _ pool: StoragePool, _ thin: StoragePool.ThinPool, _ use: StoragePool.ThinPoolUse, _ resource: ResourceID
    ) {
        guard thin.autoextend != use.autoextend || use.autoextendFlaw != nil else { return }
        add(
            resource, .update, .tendPool(pool),
            reason: use.autoextendFlaw
                ?? (thin.autoextend == nil ? "does not grow by itself any more" : "grows by itself"),
            changes: [
                FieldChange(
                    "spec.lvm.thinPool.autoextend", old: use.autoextend?.described, new: thin.autoextend?.described)
            ], after: [id(resource, "start"), id(resource, "grow")])
    }

    /// A thin pool of a stated size grows to it. A share is of what was free when it was made, and one that grows by itself is
    /// no smaller again.
    private mutating func planSize(
        _ pool: StoragePool, _ thin: StoragePool.ThinPool, _ use: StoragePool.ThinPoolUse, _ extent: ByteCount,
        _ resource: ResourceID
    ) {
        guard case .bytes(let size) = thin.size else { return }
        if size > use.size {
            add(
                resource, .update, .growPool(pool), reason: "its thin pool grows",
                changes: [
                    FieldChange("spec.lvm.thinPool.size", old: use.size.description, new: size.description)
                ], after: [id(resource, "start"), id(resource, "extend")])
        } else if thin.autoextend == nil, use.size.bytes - size.bytes >= max(extent.bytes, 1) {
            block(
                resource, "pool-shrink", "its thin pool has \(use.size); making it smaller would lose data",
                field: "spec.lvm.thinPool.size", help: "at least \(use.size)")
        }
    }
}

extension StoragePool.Autoextend {
    /// For a reader.
    var described: String { "by \(by)% at \(threshold)%" }
}
