import Model

extension Trust {
    static let grammar = Record(
        "a trust file", Trust(limits: .widest),
        [
            .constant("apiVersion", Document.version, "The version of this grammar."),
            .constant("kind", TrustDocument.kind, "What the document is."),
            .group("spec", specGrammar, required: true, "Who is trusted, and how far."),
        ])

    private static let specGrammar = Record(
        "the spec of a trust file", Trust(limits: .widest),
        [
            .defaulted(
                "signers", \.signers,
                .named(signerGrammar.form, signerGrammar.title, by: \.name, sample: Signer(name: "added", key: .none)),
                to: [], "Whose signed commits are applied. With nobody here no signature is asked for."),
            .defaulted(
                "limits", \.limits, limitsGrammar.form, to: .widest,
                "The most that unattended runs may do; the fleet's own policy narrows it."),
        ])

    private static let limitsGrammar = Record(
        "the limits", Fleet.Policy.widest,
        [
            .defaulted(
                "unattended", \.unattended, .word(), to: .restart, "Up to which disruption an unattended run goes."),
            .defaulted("prune", \.prune, .boolean, to: true, "Whether it may remove resources that left the fleet."),
            .defaulted(
                "deletionBudget", \.deletionBudget, .integer(0...10_000), to: 10_000,
                "At most this many removals in one run."),
            .defaulted("drift", \.drift, .word(), to: .correct, "What it does about drift between commits."),
            .defaulted(
                "rotateSnapshots", \.rotateSnapshots, .boolean, to: true,
                "Whether a Snapshot that was taken anew may remove the oldest beyond its keep."),
        ])

    private static let signerGrammar = Record(
        "a signer", Signer(name: "", key: .none),
        [
            .required("name", \.name, .line("a name", limit: 128), "What the signer is called in messages."),
            .optional(
                "ssh", \.ssh, .line("a public key", limit: 16_384), sample: "ssh-ed25519 AAAA",
                "An SSH public key, one line as in authorized_keys."),
            .optional("gpg", \.gpg, gpgGrammar.form, "An OpenPGP public key."),
        ]
    ) { signer, decoding, node in
        guard signer.key == .none else { return }
        decoding.fail(node, "missing-field", "a signer needs a key", help: "write ssh: or gpg:")
    }

    private static let gpgGrammar = Record(
        "an OpenPGP key", Signer.OpenPGP(armored: "", fingerprint: ""),
        [
            .required(
                "key", \.armored,
                .string(
                    "an armoured key", accepted: "write what `gpg --export --armor` prints", samples: ["-----"],
                    isValid: { $0.hasPrefix("-----BEGIN PGP PUBLIC KEY BLOCK-----") && $0.utf8.count <= 1 << 18 }),
                "The public key in ASCII armour."),
            .required(
                "fingerprint", \.fingerprint,
                .string(
                    "a fingerprint", accepted: "write 40 hexadecimal digits", pattern: "^[0-9A-Fa-f]{40}$",
                    samples: [String(repeating: "0", count: 40)],
                    isValid: { $0.count == 40 && $0.allSatisfy(\.isHexDigit) }),
                "The fingerprint of the key that is meant."),
        ])
}

extension Fleet.Policy {
    /// What a trust file that names no limits allows.
    fileprivate static let widest = Trust.everybody.limits
}

extension Trust.Key {
    /// A placeholder until one is read.
    fileprivate static let none = Trust.Key.ssh("")
}

extension Trust.Signer {
    /// The two parts of an OpenPGP key.
    fileprivate struct OpenPGP: Sendable, Equatable {
        var armored: String
        var fingerprint: String
    }

    fileprivate var ssh: String? {
        get { if case .ssh(let line) = key, key != .none { line } else { nil } }
        set { if let newValue { key = .ssh(newValue) } }
    }

    fileprivate var gpg: OpenPGP? {
        get {
            if case .gpg(let armored, let fingerprint) = key {
                OpenPGP(armored: armored, fingerprint: fingerprint)
            } else {
                nil
            }
        }
        set {
            if let newValue {
                key = .gpg(armored: newValue.armored, fingerprint: newValue.fingerprint.uppercased())
            }
        }
    }
}
