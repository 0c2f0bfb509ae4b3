/// What cloud-init is told through a NoCloud seed
/// (https://cloudinit.readthedocs.io/en/latest/reference/datasources/nocloud.html).
public struct CloudInit: Hashable, Sendable, Codable {
    /// A user to create.
    public struct User: Hashable, Sendable, Codable {
        /// The login name.
        public var name: String
        /// Public keys, one line each as in `authorized_keys`.
        public var sshKeys: [String]

        /// A user.
        public init(name: String, sshKeys: [String] = []) {
            self.name = name
            self.sshKeys = sshKeys
        }
    }

    /// The guest's name; the machine's when nil.
    public var hostname: String?
    /// Users to create.
    public var users: [User]
    /// Cloud-config that is merged below what is generated.
    public var userData: JSONValue
    /// Changed by the operator to make the guest run it all again: part of the instance-id.
    public var rerun: String?

    /// What cloud-init is told.
    public init(
        hostname: String? = nil, users: [User] = [], userData: JSONValue = .object([]), rerun: String? = nil
    ) {
        self.hostname = hostname
        self.users = users
        self.userData = userData
        self.rerun = rerun
    }
}

/// The three files of a NoCloud seed.
public struct SeedContents: Hashable, Sendable, Codable {
    /// `meta-data`.
    public var metaData: String
    /// `user-data`, starting with `#cloud-config`.
    public var userData: String
    /// `network-config`, version 2.
    public var networkConfig: String

    /// The three files.
    public init(metaData: String, userData: String, networkConfig: String) {
        self.metaData = metaData
        self.userData = userData
        self.networkConfig = networkConfig
    }
}
