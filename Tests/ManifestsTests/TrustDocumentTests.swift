import Manifests
import Model
import Testing

@Suite struct TrustDocumentTests {
    private static func read(_ text: String) throws -> Trust {
        try TrustDocument.read(SourceFile(path: "trust.yaml", text: text))
    }

    private static let head = "apiVersion: infra/v1\nkind: Trust\n"

    @Test func whatIsNotSaidIsTheWidest() throws {
        let trust = try Self.read(Self.head + "spec: {}\n")
        #expect(trust == .everybody)
        let some = try Self.read(Self.head + "spec: {limits: {deletionBudget: 3}}\n")
        var limits = Trust.everybody.limits
        limits.deletionBudget = 3
        #expect(some.limits == limits)
    }

    @Test func everythingIsRead() throws {
        let trust = try Self.read(
            Self.head + """
                spec:
                  signers:
                    - {name: alice, ssh: "ssh-ed25519 AAAA alice"}
                    - name: bob
                      gpg:
                        fingerprint: 0123456789abcdef0123456789ABCDEF01234567
                        key: |
                          -----BEGIN PGP PUBLIC KEY BLOCK-----
                  limits: {unattended: "off", prune: false, deletionBudget: 0, drift: report, rotateSnapshots: false}

                """)
        #expect(trust.limits == Fleet.Policy(unattended: .off, prune: false, deletionBudget: 0, drift: .report))
        #expect(trust.signers.map(\.name) == ["alice", "bob"])
        #expect(trust.signers[0].key == .ssh("ssh-ed25519 AAAA alice"))
        #expect(
            trust.signers[1].key
                == .gpg(
                    armored: "-----BEGIN PGP PUBLIC KEY BLOCK-----\n",
                    fingerprint: "0123456789ABCDEF0123456789ABCDEF01234567"))
    }

    /// A trust file that is not understood whole trusts nobody: each of these is an error, where it says.
    @Test(arguments: [
        ("spec: {limits: {unattended: stop}}", ["3:29 value"]),
        ("spec: {limits: {unattended: data-loss}}", ["3:29 value"]),
        ("spec: {limits: {prune: maybe}}", ["3:24 value"]),
        ("spec: {limits: {deletionBudget: -1}}", ["3:33 value"]),
        ("spec: {limits: {deletionBudget: 10001}}", ["3:33 value"]),
        ("spec: {limits: {deletionBudget: many}}", ["3:33 value"]),
        ("spec: {limits: {drift: mend}}", ["3:24 value"]),
        // A limit that is misspelled would be none.
        ("spec: {limits: {unatended: off}}", ["3:17 unknown-field"]),
        ("spec: {limit: {unattended: none}}", ["3:8 unknown-field"]),
        ("limits: {unattended: none}\nspec: {}", ["3:1 unknown-field"]),
        ("spec: {limits: {prune: true, prune: false}}", ["3:30 duplicate-key"]),
        ("spec:\n  signers:\n    - {name: alice}", ["5:7 missing-field"]),
        ("spec:\n  signers:\n    - {ssh: ssh-ed25519 AAAA}", ["5:7 missing-field"]),
        ("spec:\n  signers:\n    - {name: a, ssh: x}\n    - {name: a, ssh: y}", ["6:14 duplicate"]),
        ("spec:\n  signers:\n    - {name: a, gpg: {key: none, fingerprint: 12}}", ["5:28 value", "5:47 value"]),
        ("spec: {}\n---\napiVersion: infra/v1\nkind: Trust\nspec: {}", ["5:1 many-documents"]),
        ("spec: [", ["4:1 syntax"]), ("spec: *nobody", ["3:7 alias"]), ("", ["1:1 missing-field"]),
    ]) func whatIsBrokenIsToldWithItsPlace(_ text: String, _ expected: [String]) {
        let error = #expect(throws: TrustError.self) { try Self.read(Self.head + text + "\n") }
        let found = error?.diagnostics.map { finding in
            "\(finding.position.map { "\($0.line):\($0.column)" } ?? "nowhere") \(finding.code)"
        }
        #expect(found == expected, "\(error?.diagnostics.map(\.description) ?? [])")
        #expect(error?.diagnostics.allSatisfy { $0.position?.file == "trust.yaml" } == true)
    }

    /// A repository's own documents are no trust file, and nothing at all is none.
    @Test func anotherDocumentIsNone() {
        for (text, code) in [
            ("", "no-trust"), ("# nothing\n", "no-trust"),
            ("apiVersion: infra/v1\nkind: Fleet\nmetadata: {name: office}\n", "value"),
            ("apiVersion: infra/v2\nkind: Trust\nspec: {}\n", "value"),
        ] {
            let error = #expect(throws: TrustError.self) { try Self.read(text) }
            #expect(error?.diagnostics.contains { $0.code == code } == true, "\(error?.diagnostics ?? [])")
        }
    }
}
