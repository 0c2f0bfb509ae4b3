/// How we show who we are, and by what we know the server. Paths only: what the files hold is read by the child process
/// when it needs it, and goes nowhere but to the server of the location.
public struct GitAccess: Hashable, Sendable, Codable {
    /// For https: a file with a token or password in its first line, not readable by everybody.
    public var tokenFile: String?
    /// For https: the user's name that goes with the token. Most forges accept any.
    public var userName: String
    /// For https: the certificate authorities (PEM) that are trusted instead of the system's.
    public var authorityFile: String?
    /// For ssh: the private key, without a passphrase, not readable by everybody. No agent is asked.
    public var identityFile: String?
    /// For ssh: the keys of hosts (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"). A host that is not in it is refused.
    public var knownHostsFile: String?

    /// What is not given is not used.
    public init(
        tokenFile: String? = nil, userName: String = "git", authorityFile: String? = nil, identityFile: String? = nil,
        knownHostsFile: String? = nil
    ) {
        self.tokenFile = tokenFile
        self.userName = userName
        self.authorityFile = authorityFile
        self.identityFile = identityFile
        self.knownHostsFile = knownHostsFile
    }
}

/// How much of a repository is read, and how long that may take.
public struct GitLimits: Hashable, Sendable, Codable {
    /// How long an operation on the folder, or one look at the server, may take.
    public var deadline: Duration
    /// How long a fetch may take.
    public var fetchDeadline: Duration
    /// The bytes of one manifest file.
    public var fileBytes: Int
    /// How many manifest files a commit may hold.
    public var files: Int
    /// The bytes of all manifest files of a commit together.
    public var totalBytes: Int
    /// How many folders may lie inside each other.
    public var depth: Int
    /// The bytes that one fetch may bring.
    public var fetchBytes: Int
    /// How many packs the copy may have before they are folded into one: each fetch brings one.
    public var packs: Int

    /// Enough for a fleet of ten thousand machines.
    public init(
        deadline: Duration = .seconds(30), fetchDeadline: Duration = .seconds(300), fileBytes: Int = 4 << 20,
        files: Int = 20_000, totalBytes: Int = 64 << 20, depth: Int = 32, fetchBytes: Int = 1 << 30,
        packs: Int = 50
    ) {
        self.deadline = deadline
        self.fetchDeadline = fetchDeadline
        self.fileBytes = fileBytes
        self.files = files
        self.totalBytes = totalBytes
        self.depth = depth
        self.fetchBytes = fetchBytes
        self.packs = packs
    }
}
