/// What cloud-init is told through a NoCloud seed
/// (https://cloudinit.readthedocs.io/en/latest/reference/datasources/nocloud.html).
public struct CloudInit: Hashable, Sendable, Codable {
    /// A user to create.
    public struct User: Hashable, Sendable, Codable {
        /// The login name.
        public var name: String
        /// Public keys, one line each as in `authorized_keys`.
        public var sshKeys: [String]
        /// The password; a user without one logs in by key alone.
        public var password: SecretReference?

        /// A user.
        public init(name: String, sshKeys: [String] = [], password: SecretReference? = nil) {
            self.name = name
            self.sshKeys = sshKeys
            self.password = password
        }
    }

    /// A file that is written in the guest and holds a secret.
    public struct SecretFile: Hashable, Sendable, Codable {
        /// The absolute path in the guest.
        public var path: String
        /// What is in it.
        public var contents: SecretReference
        /// Its mode, four octal digits.
        public var permissions: String

        /// The mode of a file that says none.
        public static let usualPermissions = "0600"

        /// A file.
        public init(
            path: String, contents: SecretReference, permissions: String = SecretFile.usualPermissions
        ) {
            self.path = path
            self.contents = contents
            self.permissions = permissions
        }
    }

    /// The guest's name; the machine's when nil.
    public var hostname: String?
    /// Users to create.
    public var users: [User]
    /// Files to write that hold secrets.
    public var secretFiles: [SecretFile]
    /// Cloud-config that is merged below what is generated.
    public var userData: JSONValue
    /// Changed by the operator to make the guest run it all again: part of the instance-id.
    public var rerun: String?

    /// What cloud-init is told.
    public init(
        hostname: String? = nil, users: [User] = [], secretFiles: [SecretFile] = [],
        userData: JSONValue = .object([]), rerun: String? = nil
    ) {
        self.hostname = hostname
        self.users = users
        self.secretFiles = secretFiles
        self.userData = userData
        self.rerun = rerun
    }
}
