import Foundation
public import Hosts
public import Model

extension StorageDriver {
    /// Makes the pool's folder (mode 0711) below one of the roots, or takes the one that is there, then defines and
    /// starts the pool and lets libvirt start it with the host. Of a volume group, makes it or marks the one that is there; an
    /// export is mounted.
    ///
    /// - Parameter roots: the folders below which pools may lie, absolute.
    /// - Throws: `.surprise` when the folder lies elsewhere, behind a symbolic link, belongs to or may be written by
    ///   others, or takes no `user.*` attributes (they are tried); `.libvirt` when libvirt refuses.
    public func createPool(_ pool: StoragePool, roots: [String]) async throws(HostError) {
        let (id, status) = try expected(pool)
        let path: String
        switch pool.spec.backend {
        case .directory(let folder): path = folder
        case .lvm(let lvm): return try await createGroup(pool, lvm)
        case .nfs(let nfs): return try await createMount(pool, nfs, roots: roots)
        case .iscsi, .rbd: throw .surprise("nothing is made on a server")
        }
        guard path.hasPrefix("/"), !path.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f }) else {
            throw .surprise("not a folder's absolute path: \(CommandText.printable(path))")
        }
        try await run(StorageScripts.makeFolder, [path] + roots)
        if try await pools()[id] == nil {
            let definition = XMLElement(
                "pool", [XMLElement.Attribute("type", "dir")],
                [
                    XMLElement("name", text: status.name), XMLElement("uuid", text: status.uuid.lowercased),
                    XMLElement("target", [], [XMLElement("path", text: path)]),
                ])
            try await connection.defineStoragePool(definition.xmlText, deadline: callDeadline)
        }
        try await startPool(pool)
    }

    /// Starts the defined pool and lets libvirt start it with the host.
    ///
    /// - Throws: `.surprise` when it is not there or has another folder.
    public func startPool(_ pool: StoragePool) async throws(HostError) {
        let (id, status) = try expected(pool)
        if let lvm = pool.spec.lvm { return try await startGroup(pool, lvm) }
        if let nfs = pool.spec.nfs { return try await startMount(pool, nfs) }
        guard let record = try await pools()[id] else {
            throw .surprise("StoragePool/\(id) is not defined any more")
        }
        guard record.folder == pool.spec.folder else {
            throw .surprise("StoragePool/\(id) has another folder, \(record.folder ?? "none")")
        }
        try await connection.startStoragePool(status.uuid, deadline: callDeadline)
        if !record.autostart {
            try await connection.setStoragePoolAutostart(status.uuid, true, deadline: callDeadline)
        }
    }

    /// Stops and undefines the pool. Its files and its folder stay.
    public func removePool(_ pool: StoragePool) async throws(HostError) {
        let (id, status) = try expected(pool)
        if let lvm = pool.spec.lvm { return try await releaseGroup(pool, lvm) }
        guard let record = try await pools()[id] else { return }
        if record.isActive {
            if let nfs = record.nfs { try await requireUncovered(nfs) }
            try await connection.stopStoragePool(status.uuid, deadline: callDeadline)
        }
        do throws(HostError) {
            try await connection.undefineStoragePool(status.uuid, deadline: callDeadline)
        } catch  where error.isNotFound && !record.isPersistent {
            return
        }
    }

    func expected(_ pool: StoragePool) throws(HostError) -> (id: String, status: StoragePool.Status) {
        let id = pool.metadata.identity
        guard Name.isValid(id), let status = pool.status, isOurs(pool, status) || status.uuid == pool.metadata.uuid
        else { throw .surprise("the plan has no identity of ours for StoragePool/\(CommandText.printable(id))") }
        return (id, status)
    }

    /// Whether name and UUID are those that we give.
    private func isOurs(_ pool: StoragePool, _ status: StoragePool.Status) -> Bool {
        let id = pool.metadata.identity
        return status.name == pool.spec.lvm?.volumeGroup ?? identity.poolName(id)
            && status.uuid == identity.uuid(ResourceID(.storagePool, id))
    }
}
