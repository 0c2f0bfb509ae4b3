import Model

extension SecretReference {
    /// Another value, as if it had been read, for the walk over all fields.
    static let sample = SecretReference(file: "other", digest: "other")

    /// The value of a field such as `password`: `{secretRef: {file: artist-password}}`.
    static let form = withoutPlainText(
        Record(
            "a secret", SecretReference(), [.required("secretRef", \.self, sourceForm, "Where the value is.")]
        ).form)

    /// `{file: artist-password}` or `{age: TEXT}`.
    static let sourceForm = withoutPlainText(source.form)

    /// A form that refuses a bare text without quoting it: it may be a password.
    private static func withoutPlainText(_ form: Form<SecretReference>) -> Form<SecretReference> {
        Form(
            schema: form.schema,
            read: { decoding, node in
                guard decoding.text(node) == nil else {
                    decoding.fail(
                        node, "plain-secret", "a secret does not stand in a manifest",
                        help: "put it into a file below the --secrets folder and write secretRef: {file: NAME}")
                    return nil
                }
                return form.read(decoding, node)
            },
            write: form.write, vary: form.vary)
    }

    private static let source = Record(
        "a secretRef", SecretReference(),
        [
            .optional(
                "file", \.file, .relativeSecret, sample: "other", "A file, relative to the folder that --secrets names."
            ),
            .optional("age", \.age, .armor, "The value, encrypted by `age --armor` for the controller's identity."),
        ],
        together: [
            ("oneOf", .array(["file", "age"].map { .members([("required", .array([.string($0)]))]) }))
        ]
    ) { _, decoding, node in
        let file = decoding.tree.value(of: "file", in: node)
        let age = decoding.tree.value(of: "age", in: node)
        if file != nil, let age {
            decoding.fail(age, "conflict", "a secret is in a file or encrypted here", help: "keep one of them")
        } else if file == nil, age == nil {
            decoding.fail(
                node, "missing-field", "a secretRef needs file or age",
                help: "write file: the name of a file below the --secrets folder")
        }
    }
}

extension Form where Value == String {
    /// A file below the folder that `--secrets` names.
    fileprivate static let relativeSecret = relativeFile(
        "--secrets", example: "artist-password", samples: ["other", "another"])

    /// What `age --armor` writes (https://age-encryption.org/v1, "ASCII armor"). It is never quoted in a message: who puts
    /// a plain value there by mistake does not want to read it in a log.
    fileprivate static let armor: Form<String> = {
        let text = string(
            "an age-encrypted text", accepted: "write the output of age --armor", pattern: armorPattern, limit: 1 << 17,
            samples: [], isValid: isArmor)
        return Form(
            schema: text.schema,
            read: { decoding, node in
                if let value = decoding.text(node), !isArmor(value) {
                    decoding.fail(
                        node, "value", "this is not an age-encrypted text",
                        help: "write the output of age --armor behind `age: |`")
                    return nil
                }
                return text.read(decoding, node)
            },
            write: text.write, vary: text.vary)
    }()

    private static let armorPattern =
        "^-----BEGIN AGE ENCRYPTED FILE-----\\n([A-Za-z0-9+/=]{1,64}\\n)+-----END AGE ENCRYPTED FILE-----\\n?(?!\\n)$"

    private static func isArmor(_ text: String) -> Bool {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        guard text.utf8.count <= 1 << 17, lines.count >= 3, lines.first == "-----BEGIN AGE ENCRYPTED FILE-----",
            lines.last == "-----END AGE ENCRYPTED FILE-----"
        else { return false }
        return lines.dropFirst().dropLast().allSatisfy { line in
            (1...64).contains(line.utf8.count)
                && line.utf8.allSatisfy { byte in
                    switch byte {
                    case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2b, 0x2f, 0x3d: true
                    default: false
                    }
                }
        }
    }

    /// A file in a guest.
    static let guestPath = string(
        "the path of a file", accepted: "write an absolute path without . or .. or // in it, such as /etc/app/token",
        pattern: "^(/(?!\\.{1,2}(/|$))[^/\\u0000-\\u001f\\u007f]+)+$", limit: 1024,
        samples: ["/etc/other", "/etc/another"]
    ) { text in text.hasPrefix("/") && isRelativeFile(text.dropFirst()) }

    /// The mode of a file.
    static let fileMode = string(
        "a file's mode", accepted: "write four octal digits in quotes, such as \"0640\"", pattern: "^0[0-7]{3}$",
        samples: ["0640", "0644"]
    ) { text in
        text.utf8.count == 4 && text.hasPrefix("0") && text.utf8.allSatisfy { $0 >= 0x30 && $0 <= 0x37 }
    }
}
