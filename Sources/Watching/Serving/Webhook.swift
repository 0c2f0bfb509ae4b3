import Crypto
import Foundation

/// A push told by a forge. It only wakes the watcher, which then looks for itself: nothing in the message is used but
/// the branch.
public struct Webhook: Sendable {
    /// What a message deserves.
    enum Verdict: Hashable, Sendable {
        /// A push to the watched branch.
        case wakes
        /// Genuine, and about something else.
        case other
        /// Not signed, or not by who knows the secret.
        case forged
        /// Signed, and not JSON.
        case unreadable
    }

    private let secret: SymmetricKey
    private let token: Data
    private let comparison = SymmetricKey(size: .bits256)
    private let branch: String
    let wake: @Sendable () async -> Void

    /// - Parameters:
    ///   - secretFile: a file of mode 0600 with what was given to the forge as the secret, or GitLab's token.
    ///   - branch: the watched branch, without `refs/heads/`.
    ///   - wake: called for each push to it; it may be called often.
    public init(secretFile: String, branch: String, wake: @escaping @Sendable () async -> Void)
        throws(SecretFileError)
    {
        let text = try SecretFile.read(secretFile)
        guard text.utf8.count >= 16 else {
            throw SecretFileError(description: "\(secretFile) holds fewer than 16 bytes; take `openssl rand -hex 32`")
        }
        secret = SymmetricKey(data: Data(text.utf8))
        token = Data(text.utf8)
        self.branch = branch
        self.wake = wake
    }

    /// Judges a message. GitHub signs with HMAC-SHA256 in `X-Hub-Signature-256`, Gitea in `X-Gitea-Signature`; GitLab
    /// repeats the secret in `X-Gitlab-Token`. Compared in constant time.
    func judge(_ body: Data, header: (String) -> String?) -> Verdict {
        let event: String?
        if let text = header("x-hub-signature-256") {
            guard text.hasPrefix("sha256="), isSigned(body, hex: text.dropFirst(7)) else { return .forged }
            event = header("x-github-event") ?? header("x-gitea-event")
        } else if let text = header("x-gitea-signature") {
            guard isSigned(body, hex: text[...]) else { return .forged }
            event = header("x-gitea-event")
        } else if let text = header("x-gitlab-token") {
            // Equal texts have equal codes; codes of any two are compared in constant time.
            let given = HMAC<SHA256>.authenticationCode(for: Data(text.utf8), using: comparison)
            guard HMAC<SHA256>.isValidAuthenticationCode(given, authenticating: token, using: comparison) else {
                return .forged
            }
            event = header("x-gitlab-event")
        } else {
            return .forged
        }
        guard event == "push" || event == "Push Hook" else { return .other }
        guard let message = try? JSONDecoder().decode(Message.self, from: body) else { return .unreadable }
        return message.ref == "refs/heads/\(branch)" ? .wakes : .other
    }

    private struct Message: Decodable {
        var ref: String
    }

    private func isSigned(_ body: Data, hex: Substring) -> Bool {
        guard let code = Self.bytes(hex) else { return false }
        return HMAC<SHA256>.isValidAuthenticationCode(code, authenticating: body, using: secret)
    }

    private static func bytes(_ hex: Substring) -> Data? {
        let digits = hex.utf8.map { Character(UnicodeScalar($0)).hexDigitValue }
        guard digits.count == 2 * SHA256.byteCount else { return nil }
        var data = Data()
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let high = digits[index], let low = digits[index + 1] else { return nil }
            data.append(UInt8(high << 4 | low))
        }
        return data
    }
}
