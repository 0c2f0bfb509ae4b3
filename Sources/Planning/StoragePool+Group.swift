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
                reason: "is there and not ours; what is in it stays as it is, and it gets our mark",
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
        if let thin = lvm.thinPool, let use = group.thinPool { planSize(made, thin, use, group.extent, resource) }
    }

    /// A thin pool of a stated size grows to it. A share is of what was free when it was made.
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
                ], after: [id(resource, "start")])
        } else if use.size.bytes - size.bytes >= max(extent.bytes, 1) {
            block(
                resource, "pool-shrink", "its thin pool has \(use.size); making it smaller would lose data",
                field: "spec.lvm.thinPool.size", help: "at least \(use.size)")
        }
    }
}
