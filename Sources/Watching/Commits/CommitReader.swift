public import GitRepository
public import Manifests
public import Model
public import Reconciler

/// Reads commits as fleets: signature, manifests, image files. Touches no host.
public struct CommitReader: Sendable {
    /// Where the commits are.
    public let repository: GitRepository
    /// The folder of the manifests in the tree; empty for all of it.
    public let path: String
    /// Whose commits count.
    public let trust: Trust
    /// The controller's folder of image files.
    public let images: ImageFiles?
    /// Where the values of secrets are; reading a commit does not read them.
    public let secrets: SecretSource?

    /// Reads commits of a repository.
    public init(
        repository: GitRepository, path: String, trust: Trust, images: String?, secrets: SecretSource? = nil
    ) {
        self.repository = repository
        self.path = path
        self.trust = trust
        self.images = images.map { ImageFiles($0) }
        self.secrets = secrets
    }

    /// Reads a commit.
    /// - Throws: `GitError` when the repository fails; what is wrong with the commit itself is a refusal.
    public func read(_ id: GitCommitID) async throws(GitError) -> CommitReading {
        let pushed = try await open(id)
        guard pushed.reasons.isEmpty else { return .refused(pushed.commit, pushed.reasons) }
        return await judge(pushed.commit, pushed.files)
    }

    /// A commit that is being pushed: its files, and what is wrong with it that no host and no image file changes.
    public struct Pushed: Sendable {
        /// The commit.
        public var commit: CommitSummary
        /// Its manifests.
        public var files: [SourceFile] = []
        /// Why it is refused; nothing when it is not.
        public var reasons: [Diagnostic] = []
    }

    /// Reads and validates a commit that is being pushed.
    /// - Throws: `GitError` when the repository fails.
    public func pushed(_ id: GitCommitID) async throws(GitError) -> Pushed {
        var pushed = try await open(id)
        if pushed.reasons.isEmpty {
            pushed.reasons = ManifestReader.read(pushed.files).diagnostics.filter { $0.severity == .error }
        }
        return pushed
    }

    /// Who signed it, and which files it has.
    private func open(_ id: GitCommitID) async throws(GitError) -> Pushed {
        let commit = try await repository.commit(id)
        var pushed = Pushed(commit: CommitSummary(commit))
        if !trust.signers.isEmpty {
            pushed.commit.signer = try await repository.signer(of: id, among: trust.signers.map(GitSigner.init))?.name
            guard pushed.commit.signer != nil else {
                pushed.reasons.append(unsigned(pushed.commit.id))
                return pushed
            }
        }
        do throws(GitError) {
            pushed.files = try await repository.files(of: id, below: path).map {
                SourceFile(path: $0.path, bytes: $0.bytes)
            }
        } catch {
            guard error.isFaultOfTheCommit else { throw error }
            pushed.reasons.append(Diagnostic(code: "tree", "\(error)"))
        }
        return pushed
    }

    /// Judges the manifests of a commit.
    func judge(_ summary: CommitSummary, _ files: [SourceFile]) async -> CommitReading {
        let result = ManifestReader.read(files)
        guard let loaded = result.loaded else {
            return .refused(summary, result.diagnostics.filter { $0.severity == .error })
        }
        let (manifest, problems) = await ImageFiles.filling(loaded.manifest, from: images)
        let errors = problems.filter { $0.severity == .error }
        guard errors.isEmpty else { return .refused(summary, errors.map { $0.placed(in: loaded.sources) }) }
        var summary = summary
        summary.fleet = manifest.fleet.metadata.name
        return .valid(
            Revision(
                commit: summary, manifest: manifest, sources: loaded.sources, files: images, secrets: secrets))
    }
}

extension CommitSummary {
    /// A commit as the repository has it.
    init(_ commit: GitCommit) {
        self.init(
            id: commit.id.text, tree: commit.tree, author: "\(commit.author.name) <\(commit.author.email)>",
            subject: commit.summary, time: commit.time)
    }
}

extension GitSigner {
    init(_ signer: Trust.Signer) {
        switch signer.key {
        case .ssh(let line): self.init(name: signer.name, key: .ssh(publicKey: line))
        case .gpg(let armored, let fingerprint):
            self.init(name: signer.name, key: .gpg(armoredKey: armored, fingerprint: fingerprint))
        }
    }
}

extension GitError {
    /// Whether it is about what the commit holds, not about how it is reached.
    var isFaultOfTheCommit: Bool {
        switch self {
        case .tooLarge, .forbiddenEntry, .notFound: true
        case .location, .unreachable, .authentication, .hostKey, .certificate, .redirect, .deadline, .damaged, .worker:
            false
        }
    }
}
