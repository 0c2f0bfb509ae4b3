public import Foundation

/// Passes connections on to a server, or what goes wrong on the way.
public final class TestGate: Sendable {
    /// Where it listens on loopback.
    public let port: Int
    private let program: TestServer
    private let file: String

    /// - Parameter folder: for its file.
    public init(to port: Int, folder: String) async throws {
        file = "\(folder)/gate-\(UUID().uuidString)"
        try Data("fine".utf8).write(to: URL(filePath: file))
        program = try TestServer("/usr/bin/python3", [GitServers.folder + "/gate", "\(port)", file], isDeaf: true)
        try await program.says("listens")
        self.port = Int(program.text.split(separator: " ")[1]) ?? 0
    }

    /// What becomes of the next connections: `fine`, `cut N`, `trickle N` (bytes of the server's).
    public func mode(_ text: String) throws { try Data(text.utf8).write(to: URL(filePath: file), options: .atomic) }
}

/// Programs that tests put before repositories.
public enum GitServers {
    static let folder = Lab.repository.appending(path: "Tests/GitTests/Servers").path

    /// Writes a file with a mode.
    public static func write(_ text: String, _ path: String, _ mode: mode_t) throws {
        try Data(text.utf8).write(to: URL(filePath: path))
        guard chmod(path, mode) == 0 else { throw TestServer.Failure(description: "chmod \(path)") }
    }
}

/// sshd on loopback with a key of its own.
public final class GitSSHServer: Sendable {
    /// Where it listens.
    public let port: Int
    /// Its public key, as in a known hosts file.
    public let hostKey: String
    private let program: TestServer

    /// - Parameters:
    ///   - root: the folder of its files; a key `host` is made there when there is none.
    ///   - authorized: the public keys of root.
    public init(root: String, authorized: String, host: String = "host", port: Int? = nil) async throws {
        let key = "\(root)/\(host)"
        if !FileManager.default.fileExists(atPath: key) {
            try await TestServer.run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", host, "-f", key])
        }
        // Where sshd keeps its unprivileged half.
        try FileManager.default.createDirectory(
            atPath: "/run/sshd", withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        try GitServers.write(authorized, root + "/authorized", 0o644)
        self.port = try port ?? TestServer.freePort()
        hostKey = try String(contentsOfFile: key + ".pub", encoding: .utf8)
        let configuration = """
            Port \(self.port)
            ListenAddress 127.0.0.1
            HostKey \(key)
            AuthorizedKeysFile \(root)/authorized
            PasswordAuthentication no
            KbdInteractiveAuthentication no
            PermitRootLogin prohibit-password
            StrictModes no
            UsePAM yes
            PidFile none

            """
        try GitServers.write(configuration, root + "/sshd_config", 0o644)
        program = try TestServer("/usr/sbin/sshd", ["-D", "-e", "-f", root + "/sshd_config"])
        try await program.says("Server listening on 127.0.0.1")
    }

    /// Ends it and waits for that.
    public func end() async { await program.end() }

    /// What it said.
    public var text: String { program.text }

    /// Its name in a known hosts file.
    public var name: String { "[127.0.0.1]:\(port)" }

    /// A line of a known hosts file.
    public func line(_ name: String) -> String {
        name + " " + hostKey.split(separator: " ").prefix(2).joined(separator: " ")
    }
}
