import Foundation
import GitRepository
import Testing

/// Keys of people who sign, made by the tools that people use.
extension GitFixture {
    /// A key of OpenSSH. The public half is what `GitSigner` takes.
    func sshKey(_ name: String, type: String = "ed25519") async throws -> (file: String, publicKey: String) {
        let file = "\(root)/home/\(name)"
        try await run("ssh-keygen", ["-q", "-t", type, "-N", "", "-C", name, "-f", file], in: root)
        return (file, try String(contentsOfFile: file + ".pub", encoding: .utf8))
    }

    /// Options of `git` that sign with a key of OpenSSH.
    func signing(sshKey file: String) -> [String] { ["-c", "gpg.format=ssh", "-c", "user.signingkey=\(file)"] }

    /// An OpenPGP key in the key ring of the fixture's home: its fingerprint.
    func gpgKey(_ name: String, expires: String = "never", at time: String? = nil) async throws -> String {
        let clock = time.map { ["--faked-system-time", $0] } ?? []
        let user = "\(name) <\(name)@example.org>"
        try await gpg(clock + ["--passphrase", "", "--quick-generate-key", user, "ed25519", "sign", expires])
        let listed = try await gpg(["--with-colons", "--list-keys", "=\(user)"])
        let line = try #require(listed.split(separator: "\n").first { $0.hasPrefix("fpr:") })
        return String(try #require(line.split(separator: ":").last))
    }

    /// The armored public key.
    func gpgExport(_ fingerprint: String) async throws -> String {
        try await gpg(["--armor", "--export", fingerprint])
    }

    @discardableResult func gpg(_ arguments: [String], input: String = "") async throws -> String {
        let home = root + "/home/.gnupg"
        try FileManager.default.createDirectory(
            atPath: home, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        return try await run("gpg", ["--batch", "--quiet", "--yes"] + arguments, in: root, input: input)
    }

    /// Ends the agent that `gpg` started.
    func endAgents() async throws { try await run("gpgconf", ["--kill", "all"], in: root) }

    /// Writes a commit object, whatever it holds.
    func commitObject(_ text: String) async throws -> GitCommitID {
        let id = try await git(["hash-object", "-t", "commit", "-w", "--stdin"], input: text)
        return try #require(GitCommitID(id.trimmingCharacters(in: .newlines)))
    }

    /// A commit's own bytes.
    func commitText(_ id: GitCommitID) async throws -> String { try await git(["cat-file", "commit", id.text]) }
}

/// The text of a commit with one more header.
func withHeader(_ name: String, _ value: String, _ commit: String) -> String {
    let lines = value.trimmingCharacters(in: .newlines).split(separator: "\n", omittingEmptySubsequences: false)
    let header = "\(name) " + lines.joined(separator: "\n ") + "\n"
    guard let end = commit.range(of: "\n\n") else { return commit }
    return commit[..<end.lowerBound] + "\n" + header + commit[end.lowerBound...].dropFirst()
}
