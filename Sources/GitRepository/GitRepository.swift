public import Foundation

/// A bare repository of which one branch is followed, or one that is there already.
///
/// Every operation runs in a child process of its own, which is killed at the deadline: libgit2 1.5 knows no deadline of
/// its own, and never returns from an object that was cut off. What an operation throws is always a `GitError`, and the
/// repository can be used afterwards: a copy that turned out to be damaged is made anew by the next `fetch`.
public struct GitRepository: Sendable {
    /// The bare repository, absolute.
    public let folder: String
    /// Where it comes from; nil for one that is only read.
    public let location: GitLocation?
    /// The branch that is followed.
    public let branch: String
    let access: GitAccess
    let limits: GitLimits
    let program: String
    let alternates: [String]

    /// A copy of a repository elsewhere, made by the first `fetch`.
    ///
    /// - Parameters:
    ///   - folder: ours alone; it, and what stands beside it under the same name with an ending, is overwritten.
    ///   - program: the `infra` program, whose hidden command `git-worker` is the child process.
    public init(
        folder: String, location: GitLocation, branch: String, access: GitAccess = GitAccess(),
        limits: GitLimits = GitLimits(), program: String
    ) {
        self.folder = folder
        self.location = location
        self.branch = branch
        self.access = access
        self.limits = limits
        self.program = program
        alternates = []
    }

    /// A repository on this machine, bare or not, that is not ours to change (but for notes). Inside a `pre-receive`
    /// hook it also sees the pushed objects, which git keeps apart until the hook has agreed (git-receive-pack(1),
    /// "QUARANTINE ENVIRONMENT").
    public init(
        existing folder: String, limits: GitLimits = GitLimits(), program: String,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) {
        self.folder = folder
        location = nil
        branch = ""
        access = GitAccess()
        self.limits = limits
        self.program = program
        let quarantine = [environment["GIT_QUARANTINE_PATH"], environment["GIT_OBJECT_DIRECTORY"]].compactMap(\.self)
        let others = (environment["GIT_ALTERNATE_OBJECT_DIRECTORIES"] ?? "").split(separator: ":").map(String.init)
        let here = FileManager.default.currentDirectoryPath
        alternates = (quarantine + others).reduce(into: []) { list, path in
            let absolute = path.hasPrefix("/") ? path : here + "/" + path
            if !path.isEmpty, !list.contains(absolute) { list.append(absolute) }
        }
    }

    /// The commit on which the branch stands at the server now; nil where there is no such branch. Fetches nothing.
    public func remoteHead() async throws(GitError) -> GitCommitID? {
        guard case .head(let id) = try await ask(.remoteHead).answer else { throw Self.misunderstood }
        return id
    }

    /// Brings the branch up to date and says on which commit it stands. What was there before stays readable, whatever
    /// arrives. A copy that is damaged is made anew beside the old one, which it replaces once it is whole.
    @discardableResult public func fetch() async throws(GitError) -> GitCommitID {
        var anew = Mark.damaged.isSet(folder)
        if !anew, let commit = Mark.unfinished.content(folder) {
            do {
                // On a machine that is only slow it ends: what was late before gets more time.
                _ = try await ask(.check(GitCommitID(commit)), deadline: limits.deadline * 2)
            } catch {
                anew = true
            }
        }
        let reply: GitWorkerReply
        do throws(GitError) {
            reply = try await ask(.fetch(anew: anew), deadline: limits.fetchDeadline)
        } catch {
            // Perhaps the server was slow, perhaps our own objects cannot be read: looked at before the next one.
            if case .deadline = error, !anew { Mark.unfinished.set(folder) }
            if case .damaged = error, !anew { Mark.unfinished.set(folder) }
            throw error
        }
        guard case .head(let id?) = reply.answer else { throw Self.misunderstood }
        Mark.unfinished.remove(folder)
        await foldIfNeeded()
        return id
    }

    /// A copy with many packs is as good as one with few, only slower: that they cannot be folded is no error of a fetch.
    private func foldIfNeeded() async {
        let count = GitWork.packs(of: folder).count
        // What failed is not tried again at once.
        guard count > limits.packs, (count - limits.packs) % 10 == 1 else { return }
        do {
            _ = try await ask(.fold, deadline: limits.fetchDeadline)
        } catch {
            if case .damaged = error { Mark.unfinished.set(folder) }
        }
    }

    /// What a commit says of itself.
    public func commit(_ id: GitCommitID) async throws(GitError) -> GitCommit {
        guard case .commits(let commits) = try await read(.commit(id)).answer, let commit = commits.first else {
            throw Self.misunderstood
        }
        return commit
    }

    /// All `.yaml` and `.yml` files of a commit below a folder (empty: all), sorted by path, straight from its tree.
    /// What is hidden is skipped, as in a folder on disk; links, submodules and odd names are refused.
    public func files(of commit: GitCommitID, below path: String = "") async throws(GitError) -> [GitFile] {
        let reply = try await read(.files(commit, below: path))
        guard case .files(let count) = reply.answer, let files = reply.files(count) else { throw Self.misunderstood }
        return files.sorted { $0.path < $1.path }
    }

    /// How the first commit stands to the second.
    public func relation(of first: GitCommitID, to second: GitCommitID) async throws(GitError) -> GitRelation {
        guard case .relation(let relation) = try await read(.relation(first, second)).answer else {
            throw Self.misunderstood
        }
        return relation
    }

    /// A commit and its ancestors, the newest first, without `until` and the ancestors of that.
    public func history(
        from: GitCommitID, until: GitCommitID? = nil, limit: Int
    ) async throws(GitError) -> [GitCommit] {
        guard limit > 0 else { return [] }
        let limit = min(limit, 10_000)
        guard case .commits(let commits) = try await read(.history(from: from, until: until, limit: limit)).answer
        else { throw Self.misunderstood }
        return commits
    }

    /// The commit that a revision names: a branch, a tag, an id or its beginning, each with `~n` or `^n` (gitrevisions(7)).
    public func resolve(_ revision: String) async throws(GitError) -> GitCommitID {
        guard case .head(let id?) = try await read(.resolve(revision)).answer else { throw Self.misunderstood }
        return id
    }

    /// Writes a note on a commit, in place of the one that is there. In a repository that is not ours it is written as
    /// its owner.
    ///
    /// - Parameter section: With it only one paragraph of the note is written, the one that begins with this line; the
    ///   text begins with it too.
    public func writeNote(
        _ text: String, on commit: GitCommitID, ref: String = "refs/notes/infra", section: String? = nil
    ) async throws(GitError) {
        _ = try await read(.writeNote(text, on: commit, ref: ref, section: section))
    }

    /// The note on a commit, if there is one.
    public func readNote(on commit: GitCommitID, ref: String = "refs/notes/infra") async throws(GitError) -> String? {
        guard case .text(let text) = try await read(.readNote(on: commit, ref: ref)).answer else {
            throw Self.misunderstood
        }
        return text
    }

    static let misunderstood = GitError.worker("it answered something else than it was asked")

    /// Asks about what is in the folder, and notes what makes the next fetch start anew.
    func read(_ operation: GitWorkerRequest.Operation) async throws(GitError) -> GitWorkerReply {
        do {
            return try await ask(operation)
        } catch {
            switch error {
            case .damaged: if location != nil { Mark.damaged.set(folder) }
            // Perhaps an object that was cut off, perhaps a machine that has much to do.
            case .deadline: if location != nil { Mark.unfinished.set(folder, operation.commit?.text ?? "") }
            default: break
            }
            throw error
        }
    }

    private func ask(
        _ operation: GitWorkerRequest.Operation, deadline: Duration? = nil
    ) async throws(GitError) -> GitWorkerReply {
        let deadline = deadline ?? limits.deadline
        let request = GitWorkerRequest(
            operation: operation, folder: folder, alternates: alternates, location: location?.description,
            branch: branch, access: access, limits: limits,
            seconds: UInt32(clamping: deadline.components.seconds + 5))
        do {
            return try await GitWorkerProcess(program: program, limits: limits).ask(request, deadline: deadline)
        } catch {
            guard case .hostKey = error, let location, let file = access.knownHostsFile else { throw error }
            throw try await KnownHosts(file: file, deadline: limits.deadline).explain(error, at: location)
        }
    }

    /// What the next fetch must know of this one, as a small file beside the folder.
    enum Mark: String {
        case damaged, unfinished

        func isSet(_ folder: String) -> Bool { FileManager.default.fileExists(atPath: path(folder)) }
        func content(_ folder: String) -> String? {
            FileManager.default.contents(atPath: path(folder)).map { String(decoding: $0.prefix(64), as: UTF8.self) }
        }
        func set(_ folder: String, _ content: String = "") {
            _ = FileManager.default.createFile(atPath: path(folder), contents: Data(content.utf8))
        }
        func remove(_ folder: String) { unlink(path(folder)) }
        private func path(_ folder: String) -> String { "\(folder).\(rawValue)" }
    }
}
