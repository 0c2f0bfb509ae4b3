import CGit2
import Foundation

/// One request, being done.
struct GitWork {
    let request: GitWorkerRequest

    init(_ request: GitWorkerRequest) { self.request = request }

    /// Does it.
    func perform() throws(GitError) -> GitWorker.Reply {
        try Libgit2.start(home: try home())
        // Held until the process ends.
        if isOurs, request.operation.isReading { try GitCopy(folder: request.folder).lockAsReader() }
        switch request.operation {
        case .remoteHead: return GitWorker.Reply(.head(try remoteHead()))
        case .fetch(let anew): return GitWorker.Reply(.head(try fetch(anew: anew)))
        case .fold:
            try fold()
            return GitWorker.Reply(.done)
        case .check(let id):
            let repository = try open()
            try checkEverything(repository.pointer, id)
            return GitWorker.Reply(.done)
        case .commit(let id): return GitWorker.Reply(.commits([try commit(id.oid, in: try open().pointer)]))
        case .files(let id, let below): return try files(id, below, in: try open().pointer)
        case .relation(let first, let second):
            return GitWorker.Reply(.relation(try relation(first, second, in: try open().pointer)))
        case .history(let from, let until, let limit):
            return GitWorker.Reply(.commits(try history(from, until, limit, in: try open().pointer)))
        case .resolve(let revision):
            return GitWorker.Reply(.head(try resolve(revision, in: try open().pointer)))
        case .signature(let id): return try signature(id, in: try open().pointer)
        case .writeNote(let text, let id, let ref, let section):
            try writeNote(text, id, ref, section: section, in: try open().pointer)
            return GitWorker.Reply(.done)
        case .readNote(let id, let ref):
            return GitWorker.Reply(.text(try readNote(id, ref, in: try open().pointer)))
        }
    }

    /// Whether the folder is a copy that we made.
    var isOurs: Bool { request.location != nil }

    /// Opens the repository, with the objects of a push that is not accepted yet.
    func open(_ folder: String? = nil) throws(GitError) -> GitHandle {
        let folder = folder ?? request.folder
        let flags = GIT_REPOSITORY_OPEN_NO_SEARCH.rawValue | (isOurs ? GIT_REPOSITORY_OPEN_BARE.rawValue : 0)
        let exists = access(folder, F_OK) == 0
        let repository = try GitHandle(
            git_repository_free,
            { failure in
                if isOurs, exists { return .damaged(failure.message) }
                return .notFound(
                    isOurs
                        ? "nothing has been fetched yet" : "\(folder) is no git repository that can be read")
            },
            { git_repository_open_ext(&$0, folder, flags, nil) })
        let database = try database(repository.pointer)
        for path in request.alternates where access(path, F_OK) == 0 {
            try check(git_odb_add_disk_alternate(database.pointer, path)) { .damaged($0.message) }
        }
        return repository
    }

    /// The objects of a repository.
    func database(_ repository: OpaquePointer) throws(GitError) -> GitHandle {
        try GitHandle(git_odb_free, { .damaged($0.message) }, { git_repository_odb(&$0, repository) })
    }

    /// Refuses an object that is too large before it is inflated, or that is something else.
    func checkHeader(
        _ oid: git_oid, _ kind: git_object_t, limit: Int, _ name: String, in database: OpaquePointer
    ) throws(GitError) -> Int {
        var oid = oid
        var size = 0
        var found = GIT_OBJECT_ANY
        try check(git_odb_read_header(&size, &found, database, &oid)) {
            .damaged("\(name), object \(oid.short): \($0.message)")
        }
        guard found == kind else {
            throw .damaged("\(name), object \(oid.short), is of another kind than it should be")
        }
        guard size <= limit else {
            throw .tooLarge("\(name) has \(size) bytes; at most \(limit) are read")
        }
        return size
    }
}
