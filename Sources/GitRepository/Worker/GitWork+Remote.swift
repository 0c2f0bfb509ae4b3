import CGit2
import Foundation

extension GitWork {
    /// Where libgit2 looks for `.ssh/known_hosts`. A fixed place, so that a killed worker leaves nothing behind.
    func home() throws(GitError) -> String {
        let home = request.folder + ".home"
        guard let file = request.access.knownHostsFile, request.location?.hasPrefix("ssh:") == true else { return home }
        let link = home + "/.ssh/known_hosts"
        if (try? FileManager.default.destinationOfSymbolicLink(atPath: link)) == file { return home }
        do {
            try FileManager.default.createDirectory(atPath: home + "/.ssh", withIntermediateDirectories: true)
            let new = "\(link).\(getpid())"
            try FileManager.default.createSymbolicLink(atPath: new, withDestinationPath: file)
            guard rename(new, link) == 0 else { throw CocoaError(.fileWriteUnknown) }
        } catch {
            throw .worker("\(home) cannot be written")
        }
        return home
    }

    /// A conversation with the server, for the branch.
    private func conversation() throws(GitError) -> GitConversation {
        guard let text = request.location else { throw .worker("there is no server to ask") }
        var isValid: Int32 = 0
        let ref = "refs/heads/" + request.branch
        guard git_reference_name_is_valid(&isValid, ref) == 0, isValid == 1, !request.branch.hasPrefix("-") else {
            throw .notFound("a branch cannot have that name")
        }
        let location = try GitLocation(text)
        if location.scheme == .https { try Libgit2.trust(request.access.authorityFile) }
        return try GitConversation(location, request.access, request.limits)
    }

    private var ref: String { "refs/heads/" + request.branch }

    /// The branch's commit at the server.
    func remoteHead() throws(GitError) -> GitCommitID? {
        let conversation = try conversation()
        let remote = try GitHandle(
            git_remote_free, { .worker($0.message) },
            { git_remote_create_detached(&$0, conversation.location.description) })
        try connect(remote.pointer, conversation)
        return try head(remote.pointer, conversation)
    }

    private func connect(_ remote: OpaquePointer, _ conversation: GitConversation) throws(GitError) {
        var options = infra_git_connect_options()
        options.callbacks = conversation.callbacks
        options.proxy_opts.type = GIT_PROXY_NONE
        options.follow_redirects = GIT_REMOTE_REDIRECT_NONE
        try check(git_remote_connect_ext(remote, GIT_DIRECTION_FETCH, &options), conversation.error)
    }

    private func head(_ remote: OpaquePointer, _ conversation: GitConversation) throws(GitError) -> GitCommitID? {
        var heads: UnsafeMutablePointer<UnsafePointer<git_remote_head>?>?
        var count = 0
        try check(git_remote_ls(&heads, &count, remote), conversation.error)
        for head in UnsafeBufferPointer(start: heads, count: count) {
            guard let head = head?.pointee, let name = head.name else { continue }
            if String(cString: name) == ref { return GitCommitID(head.oid) }
        }
        return nil
    }

    /// Brings the folder up to date.
    func fetch(anew: Bool) throws(GitError) -> GitCommitID {
        let copy = GitCopy(folder: request.folder)
        let lock = try copy.lock()
        defer { close(lock) }
        copy.removeRemains()
        if !anew, copy.exists {
            do throws(GitError) {
                _ = try open()
                return try fetch(into: request.folder)
            } catch {
                // A folder that is no repository any more; what else is damaged is told, and made anew next time.
                guard case .damaged = error, (try? open()) == nil else { throw error }
            }
        }
        try copy.begin()
        let id = try fetch(into: copy.new)
        try copy.swap()
        return id
    }

    private func fetch(into folder: String) throws(GitError) -> GitCommitID {
        let conversation = try conversation()
        let repository = try open(folder)
        let remote = try GitHandle(
            git_remote_free, { .worker($0.message) },
            { git_remote_create_anonymous(&$0, repository.pointer, conversation.location.description) })
        try connect(remote.pointer, conversation)
        guard let head = try head(remote.pointer, conversation) else {
            throw .notFound("the repository has no branch \(request.branch)")
        }
        var options = infra_git_fetch_options()
        options.callbacks = conversation.callbacks
        options.proxy_opts.type = GIT_PROXY_NONE
        options.follow_redirects = GIT_REMOTE_REDIRECT_NONE
        options.download_tags = GIT_REMOTE_DOWNLOAD_TAGS_AUTO
        options.update_fetchhead = 0
        let code = "+\(ref):\(ref)".withCString { refspec in
            var first: UnsafeMutablePointer<CChar>? = UnsafeMutablePointer(mutating: refspec)
            return withUnsafeMutablePointer(to: &first) { list in
                var refspecs = git_strarray(strings: list, count: 1)
                return git_remote_download(remote.pointer, &refspecs, &options)
            }
        }
        try check(code, conversation.error)
        // The objects first, then the branch: a branch never points at what is not there.
        _ = try lookUp(head.oid, in: repository.pointer)
        try check(
            git_remote_update_tips(
                remote.pointer, &options.callbacks, 0, GIT_REMOTE_DOWNLOAD_TAGS_AUTO, nil), conversation.error)
        var oid = git_oid()
        try check(git_reference_name_to_id(&oid, repository.pointer, ref)) {
            .damaged("the branch cannot be read: \($0.message)")
        }
        guard let id = GitCommitID(oid) else { throw .damaged("the branch names no commit") }
        return id
    }

    /// Reads every commit of the branch, the files of its newest, and those of one more commit.
    func checkEverything(_ repository: OpaquePointer, _ other: GitCommitID?) throws(GitError) {
        var oid = git_oid()
        try check(git_reference_name_to_id(&oid, repository, ref)) {
            .damaged("the branch cannot be read: \($0.message)")
        }
        let walk = try GitHandle(git_revwalk_free, { .damaged($0.message) }, { git_revwalk_new(&$0, repository) })
        try check(git_revwalk_push(walk.pointer, &oid)) { .damaged($0.message) }
        var next = git_oid()
        while true {
            let code = git_revwalk_next(&next, walk.pointer)
            if code == GIT_ITEROVER.rawValue { break }
            try check(code) { .damaged($0.message) }
        }
        for id in [GitCommitID(oid), other].compactMap(\.self) {
            do throws(GitError) {
                _ = try files(id, "", in: repository)
            } catch {
                // Of other things than damage a new copy would be no cure.
                if case .damaged = error { throw error }
            }
        }
    }
}
