/// The three files of a NoCloud seed. Where a secret is to stand there is a reference; so this can be shown and stored.
public struct SeedContents: Hashable, Sendable, Codable {
    /// `meta-data`.
    public var metaData: String
    /// `user-data`, starting with `#cloud-config`, but for what follows.
    public var userData: String
    /// The users that `user-data` makes.
    public var users: [CloudInit.User]
    /// The files with secrets that `user-data` writes.
    public var secretFiles: [CloudInit.SecretFile]
    /// `network-config`, version 2.
    public var networkConfig: String

    /// The three files.
    public init(
        metaData: String, userData: String, users: [CloudInit.User] = [], secretFiles: [CloudInit.SecretFile] = [],
        networkConfig: String
    ) {
        self.metaData = metaData
        self.userData = userData
        self.users = users
        self.secretFiles = secretFiles
        self.networkConfig = networkConfig
    }

    /// All secrets in it, in order.
    public var secrets: [SecretReference] { users.compactMap(\.password) + secretFiles.map(\.contents) }

    /// `user-data` as a whole, as
    /// https://cloudinit.readthedocs.io/en/latest/reference/modules.html describes `users` and `write_files`.
    ///
    /// - Parameters:
    ///   - hash: What stands for a user's password; in the seed a hash that crypt(3) knows.
    ///   - text: What stands for the contents of a file.
    public func userData<Failure: Error>(
        hash: (SecretReference) throws(Failure) -> String, text: (SecretReference) throws(Failure) -> String
    ) throws(Failure) -> String {
        var whole = userData
        if !users.isEmpty {
            var items: [JSONValue] = []
            for user in users { items.append(.object(Self.members(of: user, try user.password.map(hash)))) }
            whole += "users: \(JSONValue.array(items).jsonText)\n"
        }
        if !secretFiles.isEmpty {
            var items: [JSONValue] = []
            for file in secretFiles {
                items.append(
                    .object([
                        .init("path", .string(file.path)), .init("permissions", .string(file.permissions)),
                        .init("content", .string(try text(file.contents))),
                    ]))
            }
            whole += "write_files: \(JSONValue.array(items).jsonText)\n"
        }
        return whole
    }

    private static func members(of user: CloudInit.User, _ hash: String?) -> [JSONValue.Member] {
        [
            .init("name", .string(user.name)),
            .init("lock_passwd", .bool(hash == nil)),
        ]
            // Unlike `passwd` this one is obeyed for a user that is there already.
            + (hash.map { [.init("hashed_passwd", .string($0))] } ?? [])
            + [
                .init("shell", .string("/bin/bash")),
                .init("sudo", .string("ALL=(ALL) NOPASSWD:ALL")),
                .init("ssh_authorized_keys", .array(user.sshKeys.map(JSONValue.string))),
            ]
    }
}
