import CGit2
import Foundation

/// What libgit2 says of its last failure, read in the same synchronous call.
struct LibraryFailure {
    /// `git_error_code`.
    let code: Int32
    /// `git_error_t`, the part of libgit2 that failed.
    let area: git_error_t
    let message: String

    init(_ code: Int32) {
        self.code = code
        let last = git_error_last()?.pointee
        area = last.map { git_error_t(UInt32(bitPattern: $0.klass)) } ?? GIT_ERROR_NONE
        message = last?.message.map { String(String(cString: $0).prefix(400)) } ?? "error \(code)"
    }

    var isNotFound: Bool { code == GIT_ENOTFOUND.rawValue }
}

/// An object of libgit2. Freed by hand where there are many of a kind; the process ends with its operation, and that
/// frees the rest.
struct GitHandle {
    let pointer: OpaquePointer
    private let release: (OpaquePointer?) -> Void

    /// Makes one. The mapping turns libgit2's failure into an error of ours.
    init(
        _ release: @escaping (OpaquePointer?) -> Void, _ mapping: (LibraryFailure) -> GitError,
        _ make: (inout OpaquePointer?) -> Int32
    ) throws(GitError) {
        var made: OpaquePointer?
        let code = make(&made)
        guard code == 0, let made else { throw mapping(LibraryFailure(code)) }
        pointer = made
        self.release = release
    }

    func free() { release(pointer) }
}

/// Throws what the mapping makes of a failure.
func check(_ code: Int32, _ mapping: (LibraryFailure) -> GitError) throws(GitError) {
    if code < 0 { throw mapping(LibraryFailure(code)) }
}

extension GitCommitID {
    init?(_ oid: git_oid) {
        self.init(oid.text)
    }

    var oid: git_oid {
        var oid = git_oid()
        git_oid_fromstr(&oid, text)
        return oid
    }
}

extension git_oid {
    var text: String {
        var oid = self
        var digits = [CChar](repeating: 0, count: 41)
        git_oid_tostr(&digits, digits.count, &oid)
        return String(decoding: digits.prefix(40).map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// Enough of it for people.
    var short: String { String(text.prefix(10)) }
}

/// libgit2 as the worker uses it.
enum Libgit2 {
    /// The certificate authorities of the system, on Debian.
    private static let systemAuthorities = "/etc/ssl/certs/ca-certificates.crt"

    /// Starts the library. It reads no configuration of the system or a user: those can rewrite addresses.
    ///
    /// - Parameter home: the folder in which it looks for `.ssh/known_hosts`.
    static func start(home: String) throws(GitError) {
        setenv("HOME", home, 1)
        try check(git_libgit2_init()) { .worker("libgit2 does not start: \($0.message)") }
        let paths = [
            GIT_CONFIG_LEVEL_PROGRAMDATA, GIT_CONFIG_LEVEL_SYSTEM, GIT_CONFIG_LEVEL_XDG, GIT_CONFIG_LEVEL_GLOBAL,
        ]
        for level in paths {
            let path = level == GIT_CONFIG_LEVEL_GLOBAL ? home : ""
            _ = infra_git_set_search_path(level.rawValue, path)
        }
        let options = [
            // Who owns a repository matters to those who run programs named in its configuration; we do not.
            (GIT_OPT_SET_OWNER_VALIDATION, 0), (GIT_OPT_ENABLE_STRICT_OBJECT_CREATION, 1),
            (GIT_OPT_ENABLE_STRICT_HASH_VERIFICATION, 1), (GIT_OPT_ENABLE_FSYNC_GITDIR, 1),
        ]
        for (option, value) in options { _ = infra_git_set_flag(Int32(option.rawValue), Int32(value)) }
        // Within the address space that we have.
        let sizes = [
            (GIT_OPT_SET_MWINDOW_SIZE, 32 << 20), (GIT_OPT_SET_MWINDOW_MAPPED_LIMIT, 256 << 20),
            (GIT_OPT_SET_MWINDOW_FILE_LIMIT, 128), (GIT_OPT_SET_PACK_MAX_OBJECTS, 10_000_000),
        ]
        for (option, value) in sizes { _ = infra_git_set_size(Int32(option.rawValue), value) }
    }

    /// Trusts these authorities instead of the system's.
    static func trust(_ file: String?) throws(GitError) {
        guard let file = file ?? (access(systemAuthorities, R_OK) == 0 ? systemAuthorities : nil) else { return }
        try check(infra_git_set_authorities(file)) {
            .certificate("the certificate authorities cannot be read: \($0.message) (\(file))")
        }
    }
}
