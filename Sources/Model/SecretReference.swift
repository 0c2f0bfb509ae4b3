/// Where the value of a secret is, never the value. Exactly one of `file` and `age` is set.
public struct SecretReference: Hashable, Sendable, Codable {
    /// A file below the controller's folder of secrets.
    public var file: String?
    /// The value itself, encrypted for the controller by age (https://age-encryption.org/v1), in its text form.
    public var age: String?
    /// A slow, salted digest of the value, once it was read. It may be shown.
    public var digest: String?

    /// A reference.
    public init(file: String? = nil, age: String? = nil, digest: String? = nil) {
        self.file = file
        self.age = age
        self.digest = digest
    }

    /// How a reader recognises it: `secret artist-password`.
    public var described: String { file.map { "secret \($0)" } ?? "age-encrypted secret" }
}

extension CloudInit {
    /// Its secrets with the paths of their fields below `spec.cloudInit`.
    public var secrets: [(field: String, secret: SecretReference)] {
        users.compactMap { user in user.password.map { ("users[\(user.name)].password.secretRef", $0) } }
            + secretFiles.enumerated().map { ("secretFiles[\($0.offset)].secretRef", $0.element.contents) }
    }

    /// Sets the digest of each secret.
    public mutating func setDigests(_ digest: (SecretReference) -> String?) {
        for index in users.indices {
            let password = users[index].password
            users[index].password?.digest = password.flatMap(digest)
        }
        for index in secretFiles.indices {
            let contents = secretFiles[index].contents
            secretFiles[index].contents.digest = digest(contents)
        }
    }
}
