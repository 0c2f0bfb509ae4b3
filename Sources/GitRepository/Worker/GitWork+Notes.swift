import CGit2

extension GitWork {
    private static let noteLimit = 1 << 16

    private func checkNote(_ ref: String) throws(GitError) {
        var isValid: Int32 = 0
        guard ref.hasPrefix("refs/notes/"), git_reference_name_is_valid(&isValid, ref) == 0, isValid == 1 else {
            throw .notFound("notes have a name below refs/notes/")
        }
    }

    func writeNote(
        _ text: String, _ id: GitCommitID, _ ref: String, in repository: OpaquePointer
    ) throws(GitError) {
        try checkNote(ref)
        guard text.utf8.count <= Self.noteLimit else { throw .tooLarge("a note has at most \(Self.noteLimit) bytes") }
        _ = try lookUp(id.oid, in: repository)
        var author: UnsafeMutablePointer<git_signature>?
        try check(git_signature_now(&author, "infra", "infra@localhost")) { .worker($0.message) }
        defer { git_signature_free(author) }
        var (oid, note) = (id.oid, git_oid())
        try check(git_note_create(&note, repository, ref, author, author, &oid, text, 1)) {
            .worker("the note cannot be written: \($0.message)")
        }
    }

    func readNote(_ id: GitCommitID, _ ref: String, in repository: OpaquePointer) throws(GitError) -> String? {
        try checkNote(ref)
        var oid = id.oid
        var note: OpaquePointer?
        let code = git_note_read(&note, repository, ref, &oid)
        if code == GIT_ENOTFOUND.rawValue { return nil }
        try check(code) { .damaged("the note on commit \(id.short): \($0.message)") }
        defer { git_note_free(note) }
        guard let message = git_note_message(note) else { return nil }
        return String(String(cString: message).prefix(Self.noteLimit))
    }
}
