/// A file of host keys (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"), asked for what it says of a host that was refused.
///
/// libssh2 only tells that a key is not the right one; `ssh-keygen -F` also knows which one would be.
struct KnownHosts: Sendable {
    private static let outputLimit = 1 << 16

    let file: String
    let deadline: Duration

    /// The error with the keys that were expected, or with the reason why the file does not count although it names the
    /// host.
    func explain(_ error: GitError, at location: GitLocation) async throws(GitError) -> GitError {
        guard case .hostKey(let host, _, let presented) = error else { return error }
        var expected: [String] = []
        for name in Self.names(of: location) {
            for fingerprint in try await fingerprints(name) where !expected.contains(fingerprint) {
                expected.append(fingerprint)
            }
        }
        guard !expected.contains(presented) else {
            return .authentication(
                "the known hosts file \(file) names \(host) by a pattern, which is not read; write its name or address")
        }
        return .hostKey(host: host, expected: expected, presented: presented)
    }

    /// How such a file names a server.
    private static func names(of location: GitLocation) -> [String] {
        let host = location.host.filter { $0 != "[" && $0 != "]" }
        guard let port = location.port, port != 22 else { return [host] }
        return ["[\(host)]:\(port)", host]
    }

    /// The keys of a host, as `SHA256:…`, without those that are marked (revoked, or an authority).
    private func fingerprints(_ name: String) async throws(GitError) -> [String] {
        let ended = try await GitProgram.run(
            "ssh-keygen", ["-l", "-F", name, "-f", file], input: [], what: "looking into the known hosts file",
            deadline: deadline, outputLimit: Self.outputLimit)
        var isPlain = false
        var found: [String] = []
        for line in String(decoding: ended.output, as: UTF8.self).split(separator: "\n") {
            let words = line.split(separator: " ")
            if line.hasPrefix("#") {
                // `# Host NAME found: line 3 REVOKED`
                isPlain = words.last.map { $0.allSatisfy(\.isNumber) } == true
            } else if isPlain, let digest = words.first(where: { $0.hasPrefix("SHA256:") }) {
                found.append(String(digest))
            }
        }
        return found
    }
}
