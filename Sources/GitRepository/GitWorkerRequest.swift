/// What the child process is asked: one JSON document on its standard input.
struct GitWorkerRequest: Codable, Sendable {
    /// The size of the document, at most.
    static let byteLimit = 1 << 20

    enum Operation: Codable, Sendable {
        case remoteHead
        case fetch(anew: Bool)
        /// Puts all objects into one pack.
        case fold
        /// Whether every commit and the newest files can be read, and those of another commit.
        case check(GitCommitID?)
        case commit(GitCommitID)
        case files(GitCommitID, below: String)
        case relation(GitCommitID, GitCommitID)
        case history(from: GitCommitID, until: GitCommitID?, limit: Int)
        case resolve(String)
        case signature(GitCommitID)
        case writeNote(String, on: GitCommitID, ref: String, section: String?)
        case readNote(on: GitCommitID, ref: String)
    }

    var operation: Operation
    var folder: String
    /// Object folders to read besides the repository's own: the quarantine of a push.
    var alternates: [String]
    var location: String?
    var branch: String
    var access: GitAccess
    var limits: GitLimits
    /// After so many seconds the process ends by itself, should the one that kills it be gone.
    var seconds: UInt32
}

/// What it answers: one line of JSON, then as many bytes as the line says.
enum GitWorkerAnswer: Codable, Sendable {
    case failed(GitError)
    case done
    case head(GitCommitID?)
    case commits([GitCommit])
    case relation(GitRelation)
    case text(String?)
    /// So many records follow: length of the path, length of the content (4 bytes each, big endian), path, content.
    case files(Int)
    /// A signature of so many bytes follows, and then what was signed.
    case signature(Int, payload: Int)
}
