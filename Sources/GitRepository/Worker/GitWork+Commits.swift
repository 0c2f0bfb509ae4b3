import CGit2
import Foundation

extension GitWork {
    private static let messageLimit = 4096
    private static let nameLimit = 256

    /// Looks a commit up that must be there.
    func lookUp(_ oid: git_oid, in repository: OpaquePointer) throws(GitError) -> GitHandle {
        let database = try database(repository)
        defer { database.free() }
        var oid = oid
        guard git_odb_exists(database.pointer, &oid) == 1 else { throw .notFound("there is no commit \(oid.text)") }
        _ = try checkHeader(
            oid, GIT_OBJECT_COMMIT, limit: request.limits.fileBytes, "commit \(oid.short)", in: database.pointer)
        return try GitHandle(
            git_commit_free, { .damaged("commit \(oid.short): \($0.message)") },
            { git_commit_lookup(&$0, repository, &oid) })
    }

    func commit(_ oid: git_oid, in repository: OpaquePointer) throws(GitError) -> GitCommit {
        let handle = try lookUp(oid, in: repository)
        defer { handle.free() }
        let commit = handle.pointer
        guard let id = GitCommitID(oid), let tree = git_commit_tree_id(commit)?.pointee else {
            throw .damaged("commit \(oid.short) has no tree")
        }
        let parents = (0..<git_commit_parentcount(commit)).compactMap { number in
            git_commit_parent_id(commit, number).flatMap { GitCommitID($0.pointee) }
        }
        return GitCommit(
            id: id, tree: tree.text, parents: parents, author: person(git_commit_author(commit)),
            committer: person(git_commit_committer(commit)),
            time: Date(timeIntervalSince1970: TimeInterval(git_commit_time(commit))),
            message: text(git_commit_message(commit), limit: Self.messageLimit))
    }

    private func person(_ signature: UnsafePointer<git_signature>?) -> GitCommit.Person {
        GitCommit.Person(
            name: text(signature?.pointee.name, limit: Self.nameLimit),
            email: text(signature?.pointee.email, limit: Self.nameLimit))
    }

    /// The first bytes of a text; what is not UTF-8 is repaired.
    private func text(_ pointer: UnsafePointer<CChar>?, limit: Int) -> String {
        guard let pointer else { return "" }
        let bytes = UnsafeBufferPointer(start: pointer, count: strnlen(pointer, limit))
        return String(decoding: bytes.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    func relation(
        _ first: GitCommitID, _ second: GitCommitID, in repository: OpaquePointer
    ) throws(GitError) -> GitRelation {
        var (one, other, base) = (first.oid, second.oid, git_oid())
        _ = try lookUp(one, in: repository)
        _ = try lookUp(other, in: repository)
        if first == second { return .same }
        let code = git_merge_base(&base, repository, &one, &other)
        if code == GIT_ENOTFOUND.rawValue { return .unrelated }
        try check(code) { .damaged($0.message) }
        if git_oid_equal(&base, &one) == 1 { return .ancestor }
        return git_oid_equal(&base, &other) == 1 ? .descendant : .diverged
    }

    func history(
        _ from: GitCommitID, _ until: GitCommitID?, _ limit: Int, in repository: OpaquePointer
    ) throws(GitError) -> [GitCommit] {
        let walk = try GitHandle(
            git_revwalk_free, { .damaged($0.message) }, { git_revwalk_new(&$0, repository) })
        git_revwalk_sorting(walk.pointer, GIT_SORT_TOPOLOGICAL.rawValue | GIT_SORT_TIME.rawValue)
        var start = from.oid
        _ = try lookUp(start, in: repository)
        try check(git_revwalk_push(walk.pointer, &start)) { .damaged($0.message) }
        if let until {
            var end = until.oid
            _ = try lookUp(end, in: repository)
            try check(git_revwalk_hide(walk.pointer, &end)) { .damaged($0.message) }
        }
        var commits: [GitCommit] = []
        var next = git_oid()
        while commits.count < limit {
            let code = git_revwalk_next(&next, walk.pointer)
            if code == GIT_ITEROVER.rawValue { break }
            try check(code) { .damaged($0.message) }
            commits.append(try commit(next, in: repository))
        }
        return commits
    }

    func resolve(_ revision: String, in repository: OpaquePointer) throws(GitError) -> GitCommitID {
        let allowed = CharacterSet(
            charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._/~^-+@")
        guard !revision.isEmpty, revision.utf8.count <= 256, !revision.hasPrefix("-"), !revision.contains(".."),
            revision.unicodeScalars.allSatisfy(allowed.contains)
        else {
            throw .notFound(
                "a revision is a branch, a tag or a commit's id, perhaps with ~ and a number; it does not begin with `-`"
            )
        }
        let object = try GitHandle(
            git_object_free,
            { failure in
                switch failure.code {
                case GIT_EAMBIGUOUS.rawValue:
                    .notFound("\(revision) is the beginning of more than one id; give more digits")
                case GIT_ENOTFOUND.rawValue, GIT_EINVALIDSPEC.rawValue: .notFound("there is no revision \(revision)")
                default: .damaged("\(revision): \(failure.message)")
                }
            },
            { git_revparse_single(&$0, repository, revision) })
        let commit = try GitHandle(
            git_object_free, { _ in .notFound("\(revision) is no commit") },
            { git_object_peel(&$0, object.pointer, GIT_OBJECT_COMMIT) })
        guard let oid = git_object_id(commit.pointer)?.pointee, let id = GitCommitID(oid) else {
            throw .notFound("\(revision) is no commit")
        }
        return id
    }

    func signature(_ id: GitCommitID, in repository: OpaquePointer) throws(GitError) -> GitWorker.Reply {
        _ = try lookUp(id.oid, in: repository)
        var (oid, signature, payload) = (id.oid, git_buf(), git_buf())
        defer {
            git_buf_dispose(&signature)
            git_buf_dispose(&payload)
        }
        let code = git_commit_extract_signature(&signature, &payload, repository, &oid, nil)
        if code == GIT_ENOTFOUND.rawValue { return GitWorker.Reply(.signature(0, payload: 0)) }
        try check(code) { .damaged("the signature of commit \(id.short): \($0.message)") }
        let bytes = UnsafeRawBufferPointer(start: signature.ptr, count: signature.size)
        let signed = UnsafeRawBufferPointer(start: payload.ptr, count: payload.size)
        return GitWorker.Reply(.signature(bytes.count, payload: signed.count), body: Array(bytes) + Array(signed))
    }
}
