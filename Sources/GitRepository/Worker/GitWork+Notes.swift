import CGit2
import Foundation

extension GitWork {
    private static let noteLimit = 1 << 16
    /// How often the reference is tried that another program changes at the same time.
    private static let noteAttempts = 50

    private func checkNote(_ ref: String) throws(GitError) {
        var isValid: Int32 = 0
        guard ref.hasPrefix("refs/notes/"), git_reference_name_is_valid(&isValid, ref) == 0, isValid == 1 else {
            throw .notFound("notes have a name below refs/notes/")
        }
    }

    /// Writes a note, or one paragraph of it: the one that begins with the line `section`.
    func writeNote(
        _ text: String, _ id: GitCommitID, _ ref: String, section: String?, in repository: OpaquePointer
    ) throws(GitError) {
        try checkNote(ref)
        try becomeOwner(of: repository)
        _ = try lookUp(id.oid, in: repository)
        for attempt in 1... {
            let base = try notes(ref, in: repository)
            var whole = text
            if let section { whole = Self.note(try note(id, in: base, repository), section, text) }
            guard whole.utf8.count <= Self.noteLimit else {
                throw .tooLarge("a note has at most \(Self.noteLimit) bytes")
            }
            let code = try write(whole, id, ref, over: base, in: repository)
            // Somebody else was faster, or is writing now.
            let isBusy = [GIT_ELOCKED, GIT_EMODIFIED, GIT_EEXISTS].contains { $0.rawValue == code }
            if isBusy, attempt < Self.noteAttempts {
                usleep(.random(in: 10_000...50_000))
                continue
            }
            return try check(code) { .worker("the note cannot be written: \($0.message)") }
        }
    }

    /// The commit of all notes; nil where there are none.
    private func notes(_ ref: String, in repository: OpaquePointer) throws(GitError) -> GitHandle? {
        var oid = git_oid()
        let code = git_reference_name_to_id(&oid, repository, ref)
        if code == GIT_ENOTFOUND.rawValue { return nil }
        try check(code) { .damaged("the notes cannot be read: \($0.message)") }
        return try lookUp(oid, in: repository)
    }

    /// Writes over what was read, and over nothing else: `git_note_create` would put its commit in the place of any.
    private func write(
        _ text: String, _ id: GitCommitID, _ ref: String, over base: GitHandle?, in repository: OpaquePointer
    ) throws(GitError) -> Int32 {
        var author: UnsafeMutablePointer<git_signature>?
        try check(git_signature_now(&author, "infra", "infra@localhost")) { .worker($0.message) }
        defer { git_signature_free(author) }
        var (oid, new) = (id.oid, git_oid())
        try check(git_note_commit_create(&new, nil, repository, base?.pointer, author, author, &oid, text, 1)) {
            .worker("the note cannot be written: \($0.message)")
        }
        var reference: OpaquePointer?
        defer { git_reference_free(reference) }
        guard let base else { return git_reference_create(&reference, repository, ref, &new, 0, "notes: infra") }
        return git_reference_create_matching(
            &reference, repository, ref, &new, 1, git_commit_id(base.pointer), "notes: infra")
    }

    /// A note with one paragraph put in the place of the one that begins with the same line, or behind all others.
    private static func note(_ known: String?, _ section: String, _ text: String) -> String {
        var paragraphs = (known ?? "").components(separatedBy: "\n\n")
            .map { $0.trimmingCharacters(in: .newlines) }.filter { !$0.isEmpty }
        if let index = paragraphs.firstIndex(where: { $0 == section || $0.hasPrefix(section + "\n") }) {
            paragraphs[index] = text
        } else {
            paragraphs.append(text)
        }
        return paragraphs.joined(separator: "\n\n") + "\n"
    }

    /// Writes as the owner of the repository, who is to go on with what was written, and whose links lead us nowhere
    /// that he could not go himself.
    private func becomeOwner(of repository: OpaquePointer) throws(GitError) {
        guard !isOurs, geteuid() == 0, let folder = git_repository_commondir(repository) else { return }
        var status = stat()
        guard stat(folder, &status) == 0 else { throw .worker("the repository is gone") }
        umask(~status.st_mode & 0o077)
        guard status.st_uid != 0 || status.st_gid != getegid() else { return }
        guard setgroups(0, nil) == 0, setgid(status.st_gid) == 0,
            setuid(status.st_uid) == 0
        else {
            throw .worker(
                "the repository belongs to user \(status.st_uid), whom we may not become: "
                    + String(cString: strerror(errno)))
        }
    }

    func readNote(_ id: GitCommitID, _ ref: String, in repository: OpaquePointer) throws(GitError) -> String? {
        try checkNote(ref)
        return try note(id, in: try notes(ref, in: repository), repository)
    }

    private func note(_ id: GitCommitID, in notes: GitHandle?, _ repository: OpaquePointer) throws(GitError) -> String?
    {
        guard let notes else { return nil }
        var oid = id.oid
        var note: OpaquePointer?
        let code = git_note_commit_read(&note, repository, notes.pointer, &oid)
        if code == GIT_ENOTFOUND.rawValue { return nil }
        try check(code) { .damaged("the note on commit \(id.short): \($0.message)") }
        defer { git_note_free(note) }
        guard let message = git_note_message(note) else { return nil }
        return String(String(cString: message).prefix(Self.noteLimit))
    }
}
