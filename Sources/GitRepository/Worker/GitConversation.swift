import CGit2
import Foundation

/// What is said to one server: who we are, whether it is the right one, how much it may send. libgit2 gets it as the
/// payload of its callbacks, and it lives as long as they are used.
final class GitConversation {
    private static let secretLimit = 4096
    private static let hostsLimit = 4 << 20

    let location: GitLocation
    private let access: GitAccess
    private let limits: GitLimits
    /// Why a callback ended the conversation; says more than libgit2 does.
    private var failure: GitError?
    private var attempts = 0
    private var secret: String?

    init(_ location: GitLocation, _ access: GitAccess, _ limits: GitLimits) throws(GitError) {
        self.location = location
        self.access = access
        self.limits = limits
        guard location.scheme == .ssh else { return }
        guard let hosts = access.knownHostsFile, let identity = access.identityFile else {
            throw .authentication("ssh needs a private key file and a known hosts file")
        }
        try Self.checkKnownHosts(hosts)
        _ = try Self.read(identity, limit: 1 << 16)
    }

    /// libssh2 skips lines with a marker. That a key is revoked would go unnoticed.
    private static func checkKnownHosts(_ path: String) throws(GitError) {
        guard let data = FileManager.default.contents(atPath: path), data.count <= hostsLimit else {
            throw .authentication("the known hosts file \(path) cannot be read, or has more than \(hostsLimit) bytes")
        }
        for line in data.split(separator: 10) {
            guard line.drop(while: { $0 == 32 || $0 == 9 }).starts(with: "@revoked".utf8) else { continue }
            throw .authentication(
                "the known hosts file \(path) has a line @revoked, which is not read; leave only the keys that count")
        }
    }

    /// Callbacks that know this conversation.
    var callbacks: git_remote_callbacks {
        var callbacks = git_remote_callbacks()
        git_remote_init_callbacks(&callbacks, UInt32(GIT_REMOTE_CALLBACKS_VERSION))
        callbacks.payload = Unmanaged.passUnretained(self).toOpaque()
        callbacks.credentials = { out, url, user, kinds, payload in
            GitConversation.of(payload)?.giveCredential(out, url, user, kinds) ?? GIT_EAUTH.rawValue
        }
        callbacks.certificate_check = { certificate, isValid, host, payload in
            GitConversation.of(payload)?.judge(certificate, isValid == 1, host) ?? GIT_ECERTIFICATE.rawValue
        }
        callbacks.transfer_progress = { progress, payload in
            GitConversation.of(payload)?.count(progress?.pointee.received_bytes ?? 0) ?? GIT_EUSER.rawValue
        }
        return callbacks
    }

    private static func of(_ payload: UnsafeMutableRawPointer?) -> GitConversation? {
        payload.map { Unmanaged<GitConversation>.fromOpaque($0).takeUnretainedValue() }
    }

    private func end(_ error: GitError, _ code: git_error_code) -> Int32 {
        failure = failure ?? error
        return code.rawValue
    }

    private func giveCredential(
        _ out: UnsafeMutablePointer<UnsafeMutablePointer<git_credential>?>?, _ url: UnsafePointer<CChar>?,
        _ user: UnsafePointer<CChar>?,
        _ kinds: UInt32
    ) -> Int32 {
        let known = url.map { String(cString: $0) }.flatMap { try? GitLocation($0) }
        guard let known, known.scheme == location.scheme, known.host == location.host, known.port == location.port
        else {
            return end(.redirect("the server sends us to another host, which gets no token"), GIT_EAUTH)
        }
        let name = location.user ?? access.userName
        if location.scheme == .ssh, kinds & GIT_CREDENTIAL_USERNAME.rawValue != 0 {
            return git_credential_username_new(out, name)
        }
        attempts += 1
        guard attempts == 1 else { return end(.authentication(refused), GIT_EAUTH) }
        if location.scheme == .ssh, kinds & GIT_CREDENTIAL_SSH_KEY.rawValue != 0 {
            return git_credential_ssh_key_new(out, name, nil, access.identityFile, nil)
        }
        guard location.scheme == .https, kinds & GIT_CREDENTIAL_USERPASS_PLAINTEXT.rawValue != 0 else {
            return end(.authentication("\(location.host) asks for another kind of login than we have"), GIT_EAUTH)
        }
        guard let file = access.tokenFile else {
            return end(.authentication("\(location.host) wants a login; give a token file"), GIT_EAUTH)
        }
        do throws(GitError) {
            let token = try Self.read(file, limit: Self.secretLimit).prefix { $0 != "\n" && $0 != "\r\n" }
            guard !token.isEmpty else { throw .authentication("the token file \(file) is empty") }
            secret = String(token)
            return git_credential_userpass_plaintext_new(out, access.userName, String(token))
        } catch {
            return end(error, GIT_EAUTH)
        }
    }

    private var refused: String {
        location.scheme == .ssh
            ? "\(location.host) does not accept the key for \(location.user ?? access.userName)"
            : "\(location.host) does not accept the token"
    }

    /// A small file of ours that others must not be able to read.
    private static func read(_ path: String, limit: Int) throws(GitError) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw .authentication("\(path) cannot be read: \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size <= limit else {
            throw .authentication("\(path) is not a file of at most \(limit) bytes")
        }
        guard status.st_mode & 0o007 == 0 else {
            throw .authentication(
                "everybody may read or change \(path); chmod 600 it, and think of what it holds as known")
        }
        var bytes = [UInt8](repeating: 0, count: limit)
        let count = Foundation.read(descriptor, &bytes, limit)
        guard count >= 0, let text = String(validating: bytes.prefix(count), as: UTF8.self) else {
            throw .authentication("\(path) cannot be read as text")
        }
        return text
    }

    private func judge(
        _ certificate: UnsafeMutablePointer<git_cert>?, _ isValid: Bool, _ host: UnsafePointer<CChar>?
    ) -> Int32 {
        if isValid { return 0 }
        guard location.scheme == .ssh else {
            let advice = access.authorityFile == nil ? "; for an authority of your own give its file" : ""
            return end(
                .certificate(
                    "\(location.host) shows one that no trusted authority signed for it, or an expired one\(advice)"),
                GIT_ECERTIFICATE)
        }
        var presented = "a key that cannot be read"
        if let certificate, certificate.pointee.cert_type == GIT_CERT_HOSTKEY_LIBSSH2 {
            let key = UnsafeRawPointer(certificate).assumingMemoryBound(to: git_cert_hostkey.self).pointee
            if key.type.rawValue & GIT_CERT_SSH_SHA256.rawValue != 0 {
                let digest = withUnsafeBytes(of: key.hash_sha256) { Data($0) }
                presented = "SHA256:" + digest.base64EncodedString().replacing("=", with: "")
            }
        }
        let name = location.host + (location.port.map { ":\($0)" } ?? "")
        return end(.hostKey(host: name, expected: [], presented: presented), GIT_ECERTIFICATE)
    }

    private func count(_ received: Int) -> Int32 {
        guard received > limits.fetchBytes else { return 0 }
        return end(.tooLarge("the server sends more than \(limits.fetchBytes) bytes at once"), GIT_EUSER)
    }

    /// What a failed call to libgit2 means.
    func error(_ raw: LibraryFailure) -> GitError {
        if let failure { return failure }
        let text = secret.map { raw.message.replacing($0, with: "…") } ?? raw.message
        let server = location.scheme == .file ? location.path : location.host
        switch (raw.area, raw.code) {
        case (_, GIT_EAUTH.rawValue): return .authentication(refused)
        case (_, GIT_ECERTIFICATE.rawValue): return .certificate("\(server): \(text)")
        case (_, GIT_ENOTFOUND.rawValue) where location.scheme == .file: return .notFound("\(server): \(text)")
        case (GIT_ERROR_HTTP, _): return http(text)
        case (GIT_ERROR_NET, _) where location.scheme == .https && text.contains("redirect"): return http(text)
        case (GIT_ERROR_SSH, _) where text.contains("authenticate"): return .authentication("\(refused): \(text)")
        case (GIT_ERROR_NET, _), (GIT_ERROR_SSH, _), (GIT_ERROR_SSL, _): return .unreachable("\(server): \(text)")
        case (GIT_ERROR_INDEXER, _), (GIT_ERROR_ZLIB, _), (GIT_ERROR_ODB, _), (GIT_ERROR_OBJECT, _):
            return .damaged("what \(server) sends: \(text)")
        case (GIT_ERROR_NOMEMORY, _): return .tooLarge("what \(server) sends does not fit into the worker's memory")
        case (GIT_ERROR_REPOSITORY, _): return .notFound("\(server): \(text)")
        default: return .unreachable("\(server): \(text)")
        }
    }

    private func http(_ text: String) -> GitError {
        if text.contains("redirect") {
            return .redirect("\(location.host) sends us elsewhere, which is not followed; give the location itself")
        }
        if text.contains("404") || text.contains("410") {
            return .notFound("\(location.host) has no such repository, or does not show it to us")
        }
        if text.contains("401") || text.contains("403") { return .authentication(refused) }
        return .unreachable("\(location.host): \(text)")
    }
}
