import Foundation
import Hosts
import Model

/// What a look into a mounted export came to.
enum MountedContents: Sendable {
    case listed(StorageListing)
    /// It is not mounted, and why that is known.
    case missing(String)
    /// It cannot be told, and why.
    case unread(String)
}

extension StorageDriver {
    /// How long an NFS server may take to show what a folder holds.
    private static let mountDeadline = Duration.seconds(20)

    /// What is in exports, by mount point. Each has a program of its own: one whose server is gone holds whoever looks.
    func lookIntoMounts(_ exports: [StoragePool.NFS]) async -> [String: MountedContents] {
        await withTaskGroup(of: (String, MountedContents).self) { group in
            for nfs in exports { group.addTask { (nfs.path, await look(into: nfs)) } }
            return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
    }

    private func look(into nfs: StoragePool.NFS) async -> MountedContents {
        do throws(HostError) {
            return .listed(try await list(nfs))
        } catch {
            switch error {
            case .command(_, 9, let message): return .missing(message)
            case .deadline: return .unread("the NFS server \(nfs.server) does not answer")
            default: return .unread("it cannot be read: \(error)")
            }
        }
    }

    private func list(_ nfs: StoragePool.NFS) async throws(HostError) -> StorageListing {
        func look() async throws(HostError) -> StorageListing {
            let output = try await commands.bytes(
                "bash",
                [
                    "-c", MountScripts.list, "infra-list", nfs.path, nfs.source, String(QCOW2Header.observedLength),
                    nfs.path,
                ], deadline: Self.mountDeadline, outputLimit: StorageListing.sizeLimit)
            return try StorageListing(output, folders: [nfs.path])
        }
        do throws(HostError) {
            return try await look()
        } catch .command(_, let status, _) where status != 9 {
            // A file went while it was looked at.
            return try await look()
        }
    }

    /// Throws `.surprise` unless the export is what is mounted there: a file in the bare mount point would be hidden by it.
    func requireMounted(_ nfs: StoragePool.NFS) async throws(HostError) {
        do throws(HostError) {
            try await commands.run(
                "bash", ["-c", StorageScripts.prelude + MountScripts.require, "infra-mount", nfs.path, nfs.source])
        } catch .command(_, 9, let message) {
            throw .surprise(message)
        }
    }

    /// Throws `.surprise` where something else is mounted over the export.
    func requireUncovered(_ nfs: StoragePool.NFS) async throws(HostError) {
        try await run(MountScripts.uncovered, [nfs.path, nfs.source])
    }

    /// Makes the mount point, defines the pool and mounts it. Where that fails nothing is defined, so that the manifest can
    /// say something else.
    func createMount(_ pool: StoragePool, _ nfs: StoragePool.NFS, roots: [String]) async throws(HostError) {
        let (id, status) = try expected(pool)
        guard try await pools()[id] == nil else { return try await startMount(pool, nfs) }
        try await run(MountScripts.makePoint, [nfs.path] + roots)
        try await connection.defineStoragePool(Self.definition(status, nfs).xmlText, deadline: callDeadline)
        do throws(HostError) {
            try await startMount(pool, nfs)
        } catch {
            try? await removePool(pool)
            throw error
        }
    }

    /// NFS 4.2 is the first that keeps marks.
    static func definition(_ status: StoragePool.Status, _ nfs: StoragePool.NFS) -> XMLElement {
        XMLElement(
            "pool", [XMLElement.Attribute("type", "netfs")],
            [
                XMLElement("name", text: status.name), XMLElement("uuid", text: status.uuid.lowercased),
                XMLElement(
                    "source", [],
                    [
                        XMLElement("host", [XMLElement.Attribute("name", nfs.bracketedServer)]),
                        XMLElement("dir", [XMLElement.Attribute("path", nfs.export)]),
                        XMLElement("format", [XMLElement.Attribute("type", "nfs")]),
                        XMLElement("protocol", [XMLElement.Attribute("ver", "4.2")]),
                    ]),
                XMLElement("target", [], [XMLElement("path", text: nfs.path)]),
            ])
    }

    /// Mounts what is defined, tries whether marks can be kept there, and lets libvirt mount it with the host.
    func startMount(_ pool: StoragePool, _ nfs: StoragePool.NFS) async throws(HostError) {
        let (id, status) = try expected(pool)
        guard let record = try await pools()[id] else {
            throw .surprise("StoragePool/\(id) is not defined any more")
        }
        guard record.nfs == nfs else { throw .surprise("StoragePool/\(id) is another export") }
        if record.isActive {
            do throws(HostError) {
                try await requireMounted(nfs)
            } catch .surprise {
                // Unmounted behind libvirt, which starts nothing that it holds for started.
                try await requireUncovered(nfs)
                try await connection.stopStoragePool(status.uuid, deadline: callDeadline)
            }
        }
        try await run(MountScripts.prepare, [nfs.path, nfs.source, nfs.server])
        try await connection.startStoragePool(status.uuid, deadline: callDeadline)
        try await run(MountScripts.trial, [nfs.path, nfs.source])
        if !record.autostart {
            try await connection.setStoragePoolAutostart(status.uuid, true, deadline: callDeadline)
        }
    }
}
