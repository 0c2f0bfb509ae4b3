/// Everything that ssh(1) has to know to reach a host, and nothing that a user's or the system's configuration says.
public struct SSHAccess: Hashable, Sendable {
    /// By what the host's key is known. It is never trusted on first use.
    public enum Trust: Hashable, Sendable {
        /// Only this public key, `ssh-ed25519 AAAA…`.
        case key(String)
        /// What this file says (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"), by absolute path.
        case file(String)
    }

    /// A name in DNS, or an IPv4 or IPv6 address without brackets.
    public var address: String
    /// sshd's port.
    public var port: Int
    /// The user there.
    public var user: String
    /// The files of private keys, by absolute path, in the order in which they are tried.
    public var identities: [String]
    /// By what the host's key is known.
    public var trust: Trust

    /// The way to a host.
    public init(address: String, port: Int, user: String, identities: [String], trust: Trust) {
        self.address = address
        self.port = port
        self.user = user
        self.identities = identities
        self.trust = trust
    }

    /// The name under which a pinned key stands in our own file of known hosts.
    static let alias = "infra-host"

    /// The file that ssh_config(5) describes. It is the only one that is read (`-F`).
    ///
    /// - Parameters:
    ///   - control: the socket of the one connection.
    ///   - known: our own file of known hosts, for a pinned key.
    ///   - patience: how long connecting and the handshake may take, in seconds.
    /// - Throws: `.surprise` for a path that ssh would take for more than a path.
    func configuration(control: String, known: String, patience: Int) throws(HostError) -> String {
        var lines = [
            "HostName \(address)", "Port \(port)", "User \(user)", "ConnectTimeout \(patience)",
            // Silence for 15 s is the end of the connection.
            "ServerAliveInterval 5", "ServerAliveCountMax 3", "TCPKeepAlive yes",
            "ControlPath \(control)", "ControlMaster no", "ControlPersist no",
            // Only the connection that is there already is used; who makes it says otherwise.
            "ProxyCommand false",
            "BatchMode yes", "NumberOfPasswordPrompts 0", "PreferredAuthentications publickey",
            "PubkeyAuthentication yes", "PasswordAuthentication no", "KbdInteractiveAuthentication no",
            "HostbasedAuthentication no", "GSSAPIAuthentication no",
            "IdentitiesOnly yes", "IdentityAgent none", "ForwardAgent no", "ForwardX11 no", "ClearAllForwardings yes",
            "PermitLocalCommand no", "StrictHostKeyChecking yes", "UpdateHostKeys no", "VerifyHostKeyDNS no",
            "CheckHostIP no", "CanonicalizeHostname no", "GlobalKnownHostsFile none",
            "EscapeChar none", "RequestTTY no", "Compression no", "LogLevel ERROR",
        ]
        for identity in identities { lines.append("IdentityFile \(try Self.quoted(identity))") }
        switch trust {
        case .key: lines += ["HostKeyAlias \(Self.alias)", "UserKnownHostsFile \(known)"]
        case .file(let file): lines.append("UserKnownHostsFile \(try Self.quoted(file))")
        }
        return "Host *\n" + lines.map { "    \($0)\n" }.joined()
    }

    /// Our own file of known hosts; empty where another one decides.
    var knownHosts: String {
        if case .key(let key) = trust { "\(Self.alias) \(key)\n" } else { "" }
    }

    /// A path as ssh_config(5) reads it: in double quotes, `%` doubled. What it would expand or end at is refused.
    static func quoted(_ path: String) throws(HostError) -> String {
        guard path.hasPrefix("/"), !path.contains(where: { "\"$\\".contains($0) || $0.isNewline || $0 == "\0" }) else {
            throw .surprise("ssh cannot be given the path \(CommandText.printable(path)): it has one of \" $ \\ in it")
        }
        return "\"" + path.replacing("%", with: "%%") + "\""
    }

    /// `root@192.0.2.12`, with the port where it is not 22.
    var shown: String {
        CommandText.printable(
            "\(user)@" + (address.contains(":") ? "[\(address)]" : address) + (port == 22 ? "" : ":\(port)"))
    }
}
