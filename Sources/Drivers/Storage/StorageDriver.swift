import Foundation
public import Hosts
public import Model

/// Pools, images, volumes and seeds of one fleet on one host.
///
/// A file is made under a name that ends in `.staged`, gets its mark, is written through to the disk, and then its
/// name, never in place of another file. Commands that write hold the lock that the next writer waits for.
public struct StorageDriver: Sendable {
    let commands: CommandRunner
    let connection: LibvirtConnection
    let host: String
    let identity: Identity
    /// How long a call to libvirt may take. Unlike a command it is not ended when its step is over its deadline.
    let callDeadline: Duration
    let shared = SharedReadings()

    /// A driver.
    ///
    /// - Parameters:
    ///   - connection: to the host's libvirt.
    ///   - host: the host's identity in the fleet.
    ///   - callDeadline: how long a call to libvirt may take.
    public init(
        commands: CommandRunner, connection: LibvirtConnection, host: String, identity: Identity,
        callDeadline: Duration = .seconds(30)
    ) {
        self.commands = commands
        self.connection = connection
        self.host = host
        self.identity = identity
        self.callDeadline = callDeadline
    }

    /// How long copying an image may take.
    public static let copyDeadline = Duration.seconds(1800)

    /// How long reading or copying a volume of that size may take: a second for each 16 MiB beside what an image may.
    public static func copyTime(_ size: ByteCount) -> Duration { copyDeadline + .seconds(Int64(size.bytes >> 24)) }

    /// The identity of a pool of ours, by what libvirt says of it; nil when it is not ours.
    func poolID(_ record: StoragePoolRecord) -> String? {
        let prefix = identity.poolName("")
        guard record.name.hasPrefix(prefix) else { return nil }
        let id = String(record.name.dropFirst(prefix.count))
        guard Name.isValid(id), record.uuid == identity.uuid(ResourceID(.storagePool, id)) else { return nil }
        return id
    }

    /// Our pools as libvirt has them now, by identity.
    func pools() async throws(HostError) -> [String: StoragePoolRecord] {
        try await shared.pools.answer { () throws(HostError) in try await readPools() }
    }

    private func readPools() async throws(HostError) -> [String: StoragePoolRecord] {
        let records = try await connection.storagePools(deadline: callDeadline)
        let ids = try await owned(records).ids
        return records.reduce(into: [:]) { pools, record in
            if let id = ids[record.uuid] { pools[id] = record }
        }
    }

    /// Checks that a path lies directly in the folder of a started pool of ours, and says what its name makes it.
    ///
    /// - Throws: `.surprise` when it does not, or when its name is none that this fleet makes.
    func role(ofPath path: String) async throws(HostError) -> FileRole {
        let file = FileRecord(path: path, isPlain: true, size: 0, allocation: 0)
        guard let role = FileRole(name: file.name, identity: identity) else {
            throw .surprise("\(CommandText.printable(path)) has no name of a file of this fleet")
        }
        try await requirePool(of: file)
        return role
    }

    /// Throws `.surprise` unless a file lies directly in the folder of a started pool of ours; of an export, unless it is
    /// mounted there.
    func requirePool(of file: FileRecord) async throws(HostError) {
        guard let record = try await pools().values.first(where: { $0.isActive && $0.folder == file.folder }) else {
            throw .surprise("\(CommandText.printable(file.path)) does not lie in a started pool of this fleet")
        }
        if let nfs = record.nfs { try await requireMounted(nfs) }
    }

    /// Runs one of our scripts as a command that writes. Its exit code 9 says that the target is not as it should be,
    /// with the words on standard error.
    func run(
        _ script: String, _ arguments: [String], input: CommandInput = .none, deadline: Duration = .seconds(60)
    ) async throws(HostError) {
        _ = try await output(of: script, arguments, input: input, deadline: deadline)
    }

    /// The same with what the script writes.
    func output(
        of script: String, _ arguments: [String], input: CommandInput, deadline: Duration
    ) async throws(HostError) -> CommandOutput {
        do throws(HostError) {
            return try await commands.run(
                "bash", ["-c", StorageScripts.prelude + script, "infra-storage"] + arguments, input: input,
                deadline: deadline, underLock: true)
        } catch .command(_, 9, let message) {
            throw .surprise(message)
        }
    }
}

extension StoragePoolRecord {
    /// The folder of a `dir` pool, or the mount point of an NFS export; nil for a pool of another type.
    var folder: String? { directory ?? nfs?.path }

    /// The folder of a `dir` pool; nil for a pool of another type.
    var directory: String? {
        definition["type"] == "dir" ? definition.first(path: "target", "path")?.text : nil
    }

    /// What a `netfs` pool of NFS mounts; nil for a pool of another type.
    var nfs: StoragePool.NFS? {
        guard definition["type"] == "netfs", let source = definition.first("source"),
            source.first("format")?["type"] == "nfs", let server = source.first("host")?["name"],
            let export = source.first("dir")?["path"], let path = definition.first(path: "target", "path")?.text
        else { return nil }
        return StoragePool.NFS(server: server.filter { $0 != "[" && $0 != "]" }, export: export, path: path)
    }

    /// What keeps the volumes; nil for a pool of another type.
    var backend: StoragePool.Backend? { directory.map { .directory(path: $0) } ?? nfs.map { .nfs($0) } }
}
