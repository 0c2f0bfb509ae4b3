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
    /// - Throws: `HostError.unreachable` or `.deadline` when libvirt there does not answer.
    init(
        _ host: KVMHost, identity: Identity, deadline: Duration, headStart: HeadStart? = nil
    ) async throws(HostError) {
        let id = host.metadata.identity
        self.host = host
        commands = CommandRunner()
        switch host.spec.connection {
        case .local:
            if let begun = await headStart?.taken() {
                connection = begun
            } else {
                connection = try await LibvirtConnection.open(uri: HeadStart.uri, deadline: deadline)
            }
        }
        compute = ComputeDriver(connection: connection, host: id, identity: identity)
        storage = StorageDriver(
            commands: commands, connection: connection, host: id, identity: identity, callDeadline: deadline)
        network = NetworkDriver(commands: commands, host: id, identity: identity)
    }

    var id: String { host.metadata.identity }
}
