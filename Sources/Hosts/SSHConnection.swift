import Model
import Subprocess

/// One connection to a host by OpenSSH. Commands, the host's lock and libvirt's client all go through it, as sessions of
/// their own (ssh_config(5), ControlMaster).
///
/// Its socket, configuration and known hosts lie in a private folder. The process that holds it reads its standard input
/// from us, so it ends with this process, however that ends. Nothing ever connects a second time: what is to be done
/// after the connection was lost fails at once.
public final class SSHConnection: Sendable {
    /// How many commands run at once. sshd allows 10 sessions by default (sshd_config(5), MaxSessions); the connection
    /// itself, libvirt and the locks have one each.
    static let commandLimit = 5

    let slots = CommandSlots(commandLimit)
    private let access: SSHAccess
    private let name: String
    private let folder: PrivateFolder
    private let master: SSHMaster
    private let holder: Task<Void, Never>

    /// Connects.
    ///
    /// - Parameters:
    ///   - name: the host's identity in the fleet, by which libvirt's URI calls it.
    ///   - deadline: for all of it.
    /// - Throws: `.unreachable` with what ssh says, or that the host's key is not the right one; `.deadline`.
    public static func open(
        _ access: SSHAccess, name: String, deadline: Duration
    ) async throws(HostError) -> SSHConnection {
        let connection = try SSHConnection(access, name, deadline)
        try await withDeadline(deadline, late: HostError.deadline(call: "ssh \(access.shown)")) {
            () async throws(HostError) in
            try await connection.master.ready(access)
        }
        return connection
    }

    private init(_ access: SSHAccess, _ name: String, _ deadline: Duration) throws(HostError) {
        guard Name.isValid(name) else { throw .surprise("not a host's name: \(CommandText.printable(name))") }
        CommandRunner.brokenPipesAreErrors
        self.access = access
        self.name = name
        let folder = try PrivateFolder()
        self.folder = folder
        try folder.write(
            "config",
            try access.configuration(
                control: folder.file("control"), known: folder.file("known_hosts"),
                patience: max(1, min(10, Int(deadline.components.seconds)))))
        try folder.write("known_hosts", access.knownHosts)
        // In a session of its own, so that Ctrl-C on the controller's terminal is not for it.
        try folder.write("ssh", "#!/bin/sh\nexec setsid --wait ssh -F \(folder.file("config")) \"$@\"\n", mode: 0o700)
        let master = SSHMaster()
        self.master = master
        let configuration = CommandRunner.configuration(
            "ssh",
            [
                "-F", folder.file("config"), "-o", "ControlMaster=yes", "-o", "ProxyCommand=none", "-T", "--", name,
                SSHMaster.command,
            ])
        holder = Task { await master.live(configuration) }
    }

    /// Removes what connections of this process have in the file system. For who ends the process by `_exit`.
    public static func removeFolders() { PrivateFolder.removeAll() }

    deinit { master.close() }

    /// Whether it was made and not lost since, as far as is known.
    var isOpen: Bool { master.isOpen }

    /// Why it is not open any more.
    var lastWords: String { master.lastWords.isEmpty ? "the ssh connection has ended" : master.lastWords }

    /// What libvirt is opened with, to go through this connection.
    public var libvirtURI: String { "qemu+ssh://\(name)/system?command=\(folder.file("ssh"))&no_tty=1" }

    /// The arguments for a person's own use of the connection: a terminal, for a program with these arguments. The last
    /// one is for the shell there, in which no argument can be more than itself.
    public func terminal(_ program: [String]) -> [String] {
        ["ssh", "-F", folder.file("config"), "-o", "LogLevel=QUIET", "-tt", "--", name]
            + [program.map(RemoteCommand.quoted).joined(separator: " ")]
    }

    /// A session in which `RemoteCommand` runs.
    func session() -> Configuration {
        CommandRunner.configuration("ssh", ["-F", folder.file("config"), "-T", "--", name, RemoteCommand.text])
    }

    /// A host that is not within reach, in words that name it.
    func unreachable(_ why: String) -> HostError {
        .unreachable(why.isEmpty ? access.shown : "\(access.shown): \(why)")
    }
}
