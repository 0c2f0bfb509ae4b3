public import Hosts
public import Model

/// The way to a host: where commands run, and what libvirt is opened with. A connection by ssh is one for all of it, and
/// lasts as long as this or one of its commands is held.
public struct HostReach: Sendable {
    let commands: CommandRunner
    let uri: String
    private let connection: SSHConnection?

    /// Reaches a host.
    /// - Throws: `HostError.unreachable` or `.deadline` when it does not answer.
    public static func open(
        _ host: KVMHost, keys: SSHKeys, deadline: Duration
    ) async throws(HostError) -> HostReach {
        switch host.spec.connection {
        case .local: return HostReach(commands: CommandRunner(), uri: HeadStart.uri, connection: nil)
        case .ssh(let ssh):
            let connection = try await SSHConnection.open(
                try keys.access(ssh), name: host.metadata.identity, deadline: deadline)
            return HostReach(
                commands: CommandRunner(over: connection), uri: connection.libvirtURI, connection: connection)
        }
    }

    /// What happens on the host, until it is lost. Of links only this machine's kernel tells.
    /// - Throws: `HostError.unreachable` or `.deadline` when libvirt there does not answer.
    public func events(deadline: Duration) async throws(HostError) -> AsyncStream<HostEvent> {
        try await HostEvents.stream(uri: uri, hasLinks: connection == nil, deadline: deadline)
    }

    /// The argument vector that runs a program there on this terminal.
    public func terminal(_ program: [String]) -> [String] { connection?.terminal(program) ?? program }
}
