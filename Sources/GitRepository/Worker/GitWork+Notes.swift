import CGit2
import Foundation

extension GitWork {
    private static let noteLimit = 1 << 16
    /// How often the reference is tried that another program changes at the same time.
    private static let noteAttempts = 20

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
        let lock = try lockNotes(of: repository)
        defer { close(lock) }
        _ = try lookUp(id.oid, in: repository)
        var author: UnsafeMutablePointer<git_signature>?
        try check(git_signature_now(&author, "infra", "infra@localhost")) { .worker($0.message) }
        defer { git_signature_free(author) }
        for attempt in 1... {
            var whole = text
            if let section { whole = Self.note(try readNote(id, ref, in: repository), section, text) }
            guard whole.utf8.count <= Self.noteLimit else {
                throw .tooLarge("a note has at most \(Self.noteLimit) bytes")
            }
            var (oid, note) = (id.oid, git_oid())
            let code = git_note_create(&note, repository, ref, author, author, &oid, whole, 1)
            // git itself does not know our lock: it was faster, or is writing now.
            let isBusy = [GIT_ELOCKED.rawValue, GIT_EMODIFIED.rawValue].contains(code)
            if isBusy, attempt < Self.noteAttempts {
                usleep(.random(in: 10_000...50_000))
                continue
            }
            return try check(code) { .worker("the note cannot be written: \($0.message)") }
        }
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

    /// One of ours at a time: libgit2 makes a reference that is not there yet without looking for another who does. The
    /// lock is on the folder itself, so that nothing is left there, and ends with the process.
    private func lockNotes(of repository: OpaquePointer) throws(GitError) -> Int32 {
        let folder = git_repository_commondir(repository).map { String(cString: $0) } ?? request.folder
        let descriptor = Foundation.open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0, flock(descriptor, LOCK_EX) == 0 else {
            throw .worker("\(folder) cannot be locked: \(String(cString: strerror(errno)))")
        }
        return descriptor
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
