import Drivers
import Hosts
import Model

/// A host within reach: one connection, and the drivers over it.
struct HostSession: Sendable {
    let host: KVMHost
    let connection: LibvirtConnection
    let commands: CommandRunner
    let compute: ComputeDriver
    let storage: StorageDriver
    let network: NetworkDriver

    /// Reaches a host.
    /// - Throws: `HostError.unreachable` or `.deadline` when it, or libvirt there, does not answer.
    init(
        _ host: KVMHost, identity: Identity, keys: SSHKeys, deadline: Duration, headStart: HeadStart? = nil
    ) async throws(HostError) {
        let id = host.metadata.identity
        let reach = try await HostReach.open(host, keys: keys, deadline: deadline)
        self.host = host
        commands = reach.commands
        if host.spec.connection == .local, let begun = await headStart?.taken() {
            connection = begun
        } else if headStart != nil {
            connection = try await LibvirtConnection.openAhead(uri: reach.uri, deadline: deadline)
        } else {
            connection = try await LibvirtConnection.open(uri: reach.uri, deadline: deadline)
        }
        compute = ComputeDriver(connection: connection, host: id, identity: identity)
        storage = StorageDriver(
            commands: commands, connection: connection, host: id, identity: identity, callDeadline: deadline)
        network = NetworkDriver(commands: commands, host: id, identity: identity)
    }

    var id: String { host.metadata.identity }

    /// The address that tunnels begin at.
    var underlay: IPAddress? { host.spec.underlay?.address }
}
