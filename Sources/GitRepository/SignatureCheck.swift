import Foundation
import Model

/// A signature, what it is said to have signed, and the programs that know.
struct SignatureCheck: Sendable {
    private static let kinds: Set = [
        "ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
        "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com",
    ]
    private static let outputLimit = 1 << 16

    let signature: [UInt8]
    let signed: [UInt8]
    let deadline: Duration

    /// The signers' names stand in no file: there they would be patterns (ssh-keygen(1), "ALLOWED SIGNERS").
    func sshSigner(among signers: [GitSigner]) async throws(GitError) -> GitSigner? {
        var candidates: [String: GitSigner] = [:]
        var allowed = ""
        for (number, signer) in signers.enumerated() {
            guard case .ssh(let key) = signer.key else { continue }
            let parts = key.split(whereSeparator: \.isWhitespace)
            guard parts.count >= 2, Self.kinds.contains(String(parts[0])), Data(base64Encoded: String(parts[1])) != nil
            else {
                throw .worker("the key of signer \(TerminalText.safe(signer.name)) is no public key of OpenSSH")
            }
            candidates["signer-\(number)"] = signer
            allowed += "signer-\(number) namespaces=\"git\" \(parts[0]) \(parts[1])\n"
        }
        guard !candidates.isEmpty else { return nil }
        let text = allowed
        return try await inPrivateFolder { folder async throws(GitError) in
            try write(Array(text.utf8), folder, "allowed")
            try write(signature, folder, "signature")
            let files = ["-s", folder + "/signature", "-f", folder + "/allowed"]
            let found = try await run("ssh-keygen", ["-Y", "find-principals"] + files)
            let names = String(decoding: found.output, as: UTF8.self).split(separator: "\n").map(String.init)
            guard found.status == 0, let name = names.first, let signer = candidates[name] else { return nil }
            let verified = try await run(
                "ssh-keygen", ["-Y", "verify", "-n", "git", "-I", name] + files, input: signed)
            return verified.status == 0 ? signer : nil
        }
    }

    /// Each signer's key has a key ring of its own, so that no other key can stand in for it.
    func gpgSigner(among signers: [GitSigner]) async throws(GitError) -> GitSigner? {
        for signer in signers {
            guard case .gpg(let key, let fingerprint) = signer.key else { continue }
            let wanted = fingerprint.filter { !$0.isWhitespace }.uppercased()
            guard wanted.utf8.count == 40, wanted.allSatisfy(\.isHexDigit) else {
                throw .worker(
                    "the fingerprint of signer \(TerminalText.safe(signer.name)) is not 40 hexadecimal digits")
            }
            let isSigner = try await inPrivateFolder { folder async throws(GitError) in
                try write(Array(key.utf8), folder, "key")
                try write(signature, folder, "signature")
                let options = ["--homedir", folder, "--batch", "--no-tty", "--no-options", "--no-autostart"]
                let imported = try await run("gpg", options + ["--quiet", "--import", "--", folder + "/key"])
                guard imported.status == 0 else {
                    throw .worker("the key of signer \(TerminalText.safe(signer.name)) is no OpenPGP public key")
                }
                let verified = try await run(
                    "gpg",
                    options + [
                        "--no-auto-key-retrieve", "--trust-model", "always", "--weak-digest", "SHA1", "--status-fd",
                        "1", "--verify", "--", folder + "/signature", "-",
                    ], input: signed)
                return verified.status == 0 && Self.isGood(verified.output, fingerprint: wanted)
            }
            if isSigner { return signer }
        }
        return nil
    }

    /// Reads what `gpg --status-fd` says (GnuPG's doc/DETAILS): exactly one signature, good, by a key that is neither
    /// expired nor revoked, with that fingerprint.
    static func isGood(_ status: [UInt8], fingerprint: String) -> Bool {
        var counts: [Substring: Int] = [:]
        var isWanted = false
        for line in String(decoding: status, as: UTF8.self).split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count >= 2, words[0] == "[GNUPG:]" else { continue }
            counts[words[1], default: 0] += 1
            guard words[1] == "VALIDSIG", words.count >= 3 else { continue }
            isWanted = words[2] == fingerprint || words.last.map { $0 == fingerprint } == true
        }
        let bad: [Substring] = ["BADSIG", "ERRSIG", "EXPSIG", "EXPKEYSIG", "REVKEYSIG", "NODATA", "FAILURE"]
        return isWanted && counts["NEWSIG"] == 1 && counts["GOODSIG"] == 1 && counts["VALIDSIG"] == 1
            && bad.allSatisfy { counts[$0] == nil }
    }

    private func run(
        _ program: String, _ arguments: [String], input: [UInt8] = []
    ) async throws(GitError) -> GitProgram.Ended {
        try await GitProgram.run(
            program, arguments, input: input, what: "verifying a signature by \(program)", deadline: deadline,
            outputLimit: Self.outputLimit)
    }

    private func write(_ bytes: [UInt8], _ folder: String, _ name: String) throws(GitError) {
        guard FileManager.default.createFile(atPath: "\(folder)/\(name)", contents: Data(bytes)) else {
            throw .worker("\(folder) cannot be written")
        }
    }

    /// A temporary folder that only we can look into.
    private func inPrivateFolder<Value: Sendable>(
        _ body: (String) async throws(GitError) -> Value
    ) async throws(GitError) -> Value {
        var template = Array((NSTemporaryDirectory() + "/infra-signature-XXXXXX").utf8CString)
        guard mkdtemp(&template) != nil else { throw .worker("no temporary folder can be made") }
        let folder = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        return try await body(folder)
    }
}
