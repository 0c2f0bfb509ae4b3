import Foundation

/// Somebody whose signature counts.
public struct GitSigner: Hashable, Sendable {
    /// By what a signature is verified.
    public enum Key: Hashable, Sendable {
        /// A public key of OpenSSH, `ssh-ed25519 AAAA… comment`.
        case ssh(publicKey: String)
        /// An OpenPGP public key in ASCII armor, and the fingerprint of its primary key or of the one that signs: 40
        /// hexadecimal digits.
        case gpg(armoredKey: String, fingerprint: String)
    }

    /// The name that is told.
    public let name: String
    /// By what a signature is verified.
    public let key: Key

    /// A signer.
    public init(name: String, key: Key) {
        self.name = name
        self.key = key
    }
}

extension GitRepository {
    /// Who of these signed exactly this commit; nil when it is unsigned, or signed by nobody of them, or changed since.
    ///
    /// SSH signatures are verified by `ssh-keygen -Y verify` in the namespace `git`, OpenPGP ones by `gpg` with that one
    /// key; a key that is expired or revoked signs nothing.
    ///
    /// - Throws: `.worker` when a signer's key cannot be read or the program is not installed.
    public func signer(of commit: GitCommitID, among signers: [GitSigner]) async throws(GitError) -> GitSigner? {
        let reply = try await read(.signature(commit))
        guard case .signature(let length, let payload) = reply.answer, reply.body.count == length + payload else {
            throw Self.misunderstood
        }
        guard length > 0 else { return nil }
        let check = SignatureCheck(
            signature: Array(reply.body.prefix(length)), signed: Array(reply.body.dropFirst(length)),
            deadline: limits.deadline)
        if check.signature.starts(with: Array("-----BEGIN SSH SIGNATURE-----".utf8)) {
            return try await check.sshSigner(among: signers)
        }
        guard check.signature.starts(with: Array("-----BEGIN PGP SIGNATURE-----".utf8)) else { return nil }
        return try await check.gpgSigner(among: signers)
    }
}
