import Foundation
import GitRepository
import Testing

@Suite struct SignatureTests {
    private func signer(_ name: String, ssh key: String) -> GitSigner {
        GitSigner(name: name, key: .ssh(publicKey: key))
    }

    @Test func sshSignatures() async throws {
        let fixture = try await GitFixture()
        let repository = GitRepository(existing: fixture.source, program: GitFixture.program)
        let ada = try await fixture.sshKey("ada")
        let bob = try await fixture.sshKey("bob", type: "ecdsa")
        let eve = try await fixture.sshKey("eve")
        let signers = [signer("Bob", ssh: bob.publicKey), signer("Ada", ssh: ada.publicKey)]
        try fixture.write("a.yaml", "a: 1\n")
        let unsigned = try await fixture.commit("unsigned")
        #expect(try await repository.signer(of: unsigned, among: signers) == nil)
        var signed: [GitCommitID] = []
        for key in [ada.file, bob.file, eve.file] {
            try await fixture.git(
                fixture.signing(sshKey: key) + ["commit", "-q", "-S", "--allow-empty", "-m", "signed"])
            signed.append(try await fixture.head())
        }
        #expect(try await repository.signer(of: signed[0], among: signers)?.name == "Ada")
        #expect(try await repository.signer(of: signed[1], among: signers)?.name == "Bob")
        #expect(try await repository.signer(of: signed[2], among: signers) == nil)
        #expect(try await repository.signer(of: signed[0], among: [signers[0]]) == nil)
        #expect(try await repository.signer(of: signed[0], among: []) == nil)

        // The signature stays, the tree, the message or the parent is another.
        let original = try await fixture.commitText(signed[0])
        let empty = try await fixture.git(["hash-object", "-t", "tree", "-w", "--stdin"])
            .trimmingCharacters(in: .newlines)
        let tree = try await fixture.git(["rev-parse", "\(signed[0])^{tree}"]).trimmingCharacters(in: .newlines)
        for tampered in [
            original.replacing(tree, with: empty), original + "more\n",
            original.replacing(unsigned.text, with: signed[2].text), original.replacing("Ada", with: "Eve"),
        ] {
            #expect(tampered != original)
            let id = try await fixture.commitObject(tampered)
            #expect(try await repository.signer(of: id, among: signers) == nil)
        }
    }

    /// Signatures that were put into the commit by hand, so that what is wrong with them is one thing only.
    @Test func sshSignaturesOfOtherThings() async throws {
        let fixture = try await GitFixture()
        let repository = GitRepository(existing: fixture.source, program: GitFixture.program)
        let ada = try await fixture.sshKey("ada")
        let signers = [signer("Ada", ssh: ada.publicKey)]
        let bare = try await fixture.commitText(try await fixture.commit("bare"))
        func signature(_ namespace: String, of text: String) async throws -> String {
            try await fixture.run(
                "ssh-keygen", ["-q", "-Y", "sign", "-n", namespace, "-f", ada.file], in: fixture.root, input: text)
        }
        func found(_ text: String) async throws -> String? {
            try await repository.signer(of: try await fixture.commitObject(text), among: signers)?.name
        }
        let good = try await signature("git", of: bare)
        #expect(try await found(withHeader("gpgsig", good, bare)) == "Ada")
        #expect(try await found(withHeader("gpgsig", try await signature("file", of: bare), bare)) == nil)
        #expect(try await found(withHeader("gpgsig", try await signature("git", of: bare + " "), bare)) == nil)
        // A header of another name, and a signature in the message, sign nothing.
        #expect(try await found(withHeader("gpgsig-sha256", good, bare)) == nil)
        #expect(try await found(bare + "\ngpgsig " + good) == nil)
        // A second signature, and a header that hides behind it, were not there when the first was made.
        #expect(try await found(withHeader("gpgsig", good, withHeader("gpgsig", good, bare))) == nil)
        #expect(
            try await found(withHeader("gpgsig", good, withHeader("tree", String(repeating: "0", count: 40), bare)))
                == nil)
        #expect(try await found(withHeader("gpgsig", "-----BEGIN SSH SIGNATURE-----\nAAAA", bare)) == nil)
        #expect(try await found(withHeader("gpgsig", "no signature", bare)) == nil)
    }

    /// What stands in a signer's line is a key and nothing more, whatever it looks like.
    @Test func oddSigners() async throws {
        let fixture = try await GitFixture()
        let repository = GitRepository(existing: fixture.source, program: GitFixture.program)
        let ada = try await fixture.sshKey("ada")
        let eve = try await fixture.sshKey("eve")
        let adaKey = ada.publicKey.split(separator: " ").prefix(2).joined(separator: " ")
        let eveKey = eve.publicKey.split(separator: " ").prefix(2).joined(separator: " ")
        let marker = fixture.root + "/marker"
        try await fixture.git(fixture.signing(sshKey: eve.file) + ["commit", "-q", "-S", "--allow-empty", "-m", "eve"])
        let byEve = try await fixture.head()
        try await fixture.git(fixture.signing(sshKey: ada.file) + ["commit", "-q", "-S", "--allow-empty", "-m", "ada"])
        let byAda = try await fixture.head()
        // Taken for Ada's key, and for nobody else's.
        for (name, line) in [
            ("*", adaKey), ("signer-0", adaKey + " a comment namespaces=\"file\""),
            ("-n file", adaKey + "\n* " + eveKey), ("a\nb", adaKey + "\r\n*\t" + eveKey),
            ("$(touch \(marker))", adaKey + " $(touch \(marker))"), ("\u{1b}[31m", "  " + adaKey),
        ] {
            let signers = [signer(name, ssh: line)]
            #expect(try await repository.signer(of: byAda, among: signers)?.name == name)
            #expect(try await repository.signer(of: byEve, among: signers) == nil)
        }
        // Told, with the signer's name, and nobody counts.
        for line in [
            "", "ssh-ed25519", "namespaces=\"git\" " + eveKey, "cert-authority " + eveKey, "* " + eveKey,
            "ssh-ed25519 !!!!", "ssh-dss AAAA", "command=\"touch \(marker)\" " + eveKey, "-----BEGIN",
        ] {
            let signers = [signer("Odd\u{1b}[2J", ssh: line), signer("Ada", ssh: adaKey)]
            for commit in [byAda, byEve] {
                guard
                    case .worker(let text) = await gitError({
                        _ = try await repository.signer(of: commit, among: signers)
                    })
                else {
                    Issue.record("\(line.debugDescription) was taken")
                    continue
                }
                #expect(text.contains("Odd") && !text.contains("\u{1b}"))
            }
        }
        #expect(!FileManager.default.fileExists(atPath: marker))
    }

    @Test func gpgSignatures() async throws {
        let fixture = try await GitFixture()
        let repository = GitRepository(existing: fixture.source, program: GitFixture.program)
        let ada = try await fixture.gpgKey("ada")
        let eve = try await fixture.gpgKey("eve")
        func signer(_ name: String, _ fingerprint: String, key: String? = nil) async throws -> GitSigner {
            GitSigner(
                name: name,
                key: .gpg(armoredKey: try await fixture.gpgExport(key ?? fingerprint), fingerprint: fingerprint))
        }
        let unsigned = try await fixture.commit("unsigned")
        try await fixture.git(["commit", "-q", "--allow-empty", "-S\(ada)", "-m", "by Ada"])
        let byAda = try await fixture.head()
        try await fixture.git(["commit", "-q", "--allow-empty", "-S\(eve)", "-m", "by Eve"])
        let byEve = try await fixture.head()
        let ssh = try await fixture.sshKey("bob")
        let signers = [GitSigner(name: "Bob", key: .ssh(publicKey: ssh.publicKey)), try await signer("Ada", ada)]
        #expect(try await repository.signer(of: byAda, among: signers)?.name == "Ada")
        #expect(try await repository.signer(of: byEve, among: signers) == nil)
        #expect(try await repository.signer(of: unsigned, among: signers) == nil)
        // Of two keys in one block only the one counts whose fingerprint is named.
        let both = GitSigner(
            name: "Ada", key: .gpg(armoredKey: try await fixture.gpg(["--armor", "--export"]), fingerprint: ada))
        #expect(try await repository.signer(of: byAda, among: [both])?.name == "Ada")
        #expect(try await repository.signer(of: byEve, among: [both]) == nil)
        #expect(try await repository.signer(of: byAda, among: [try await signer("Ada", eve, key: ada)]) == nil)
        // Another message under the same signature.
        let tampered = try await fixture.commitObject(try await fixture.commitText(byAda) + "more\n")
        #expect(try await repository.signer(of: tampered, among: signers) == nil)
        for (key, fingerprint) in [("no key", ada), (try await fixture.gpgExport(ada), "12"), ("", ada)] {
            let odd = GitSigner(name: "Odd", key: .gpg(armoredKey: key, fingerprint: fingerprint))
            guard case .worker(let text) = await gitError({ _ = try await repository.signer(of: byAda, among: [odd]) })
            else {
                Issue.record("\(key.prefix(20)) \(fingerprint) was taken")
                continue
            }
            #expect(text.contains("Odd"))
        }
        // Revoked: what she signed before does not count any more either.
        let certificate = "\(fixture.root)/home/.gnupg/openpgp-revocs.d/\(ada).rev"
        let revocation = try String(contentsOfFile: certificate, encoding: .utf8).replacing(
            ":-----BEGIN", with: "-----BEGIN")
        try await fixture.gpg(["--import"], input: revocation)
        #expect(try await repository.signer(of: byAda, among: [try await signer("Ada", ada)]) == nil)
        try await fixture.endAgents()
    }

    /// The signature was good when it was made; the key is not any more.
    @Test func gpgKeyThatExpired() async throws {
        let fixture = try await GitFixture()
        let repository = GitRepository(existing: fixture.source, program: GitFixture.program)
        func commit(_ name: String, expires: String) async throws -> (GitCommitID, GitSigner) {
            let key = try await fixture.gpgKey(name, expires: expires, at: "20200101T000000")
            let wrapper = "\(fixture.root)/gpg-then"
            try Data("#!/bin/sh\nexec gpg --faked-system-time 20200201T000000 \"$@\"\n".utf8)
                .write(to: URL(filePath: wrapper))
            #expect(chmod(wrapper, 0o700) == 0)
            try await fixture.git([
                "-c", "gpg.program=\(wrapper)", "commit", "-q", "--allow-empty", "-S\(key)", "-m", "then",
            ])
            let signer = GitSigner(
                name: name, key: .gpg(armoredKey: try await fixture.gpgExport(key), fingerprint: key))
            return (try await fixture.head(), signer)
        }
        let (old, lasting) = try await commit("lasting", expires: "never")
        #expect(try await repository.signer(of: old, among: [lasting])?.name == "lasting")
        let (expired, gone) = try await commit("gone", expires: "1y")
        #expect(try await repository.signer(of: expired, among: [gone]) == nil)
        try await fixture.endAgents()
    }
}
