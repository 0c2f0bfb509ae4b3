import Hosts

/// The libvirt of this machine, reached and asked for its domains while the manifests are still read. Whether they name
/// it is not known yet; if they do not, it was asked in vain.
public struct HeadStart: Sendable {
    static let uri = "qemu:///system"

    private let connection: Task<LibvirtConnection, any Error>

    /// Begins.
    public init(_ settings: RunSettings) {
        connection = Task {
            try await LibvirtConnection.openAhead(uri: Self.uri, deadline: settings.observationDeadline)
        }
    }

    /// The connection, if there is one to be had: what went wrong is told by who tries again.
    func taken() async -> LibvirtConnection? { try? await connection.value }
}
