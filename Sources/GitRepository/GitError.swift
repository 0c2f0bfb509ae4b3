import Model

/// What can go wrong with a repository. No text in it holds a secret.
public enum GitError: Error, Hashable, Sendable, Codable {
    /// The location is not one that is accepted; what would be.
    case location(String)
    /// The server does not answer, or ends the conversation.
    case unreachable(String)
    /// The server wants to know who we are, or does not accept what it is told; also a file of ours that cannot be read.
    case authentication(String)
    /// The server's ssh key is not one that the known hosts file pins. Fingerprints as `SHA256:…`; none expected: the
    /// host is not in the file.
    case hostKey(host: String, expected: [String], presented: String)
    /// The server's TLS certificate is not accepted.
    case certificate(String)
    /// The server sends us to another host, or to another port that wants a login. Not followed; it gets no credential.
    case redirect(String)
    /// It took longer than allowed, and was killed.
    case deadline(String)
    /// An object is broken or missing. The next `fetch` makes a new copy.
    case damaged(String)
    /// More than is read; the cap and the object are named.
    case tooLarge(String)
    /// A link, a submodule or a name that no manifest has.
    case forbiddenEntry(String)
    /// No such branch, revision, folder or repository.
    case notFound(String)
    /// The child process could not be started or ended by itself; the state folder cannot be written.
    case worker(String)
}

extension GitError: CustomStringConvertible {
    /// One sentence for a reader, without a full stop, safe to print.
    public var description: String { TerminalText.safe(text) }

    private var text: String {
        switch self {
        case .location(let why): why
        case .unreachable(let why): "the repository cannot be reached: \(why)"
        case .authentication(let why): why
        case .hostKey(let host, let expected, let presented) where expected.isEmpty:
            "the ssh host key of \(host) is not in the known hosts file; it shows \(presented): compare that with what "
                + "the host's operator says, then add the key"
        case .hostKey(let host, let expected, let presented):
            "the ssh host key of \(host) has changed: known is \(expected.joined(separator: ", ")), it shows "
                + "\(presented); ask the host's operator before you change the known hosts file"
        case .certificate(let why): "the server's certificate is not accepted: \(why)"
        case .redirect(let why): why
        case .deadline(let what): what
        case .damaged(let what): "the copy of the repository is damaged: \(what); the next fetch makes a new one"
        case .tooLarge(let what), .forbiddenEntry(let what), .notFound(let what): what
        case .worker(let why): "git worker: \(why)"
        }
    }
}
