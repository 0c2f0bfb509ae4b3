import Model

extension CloudInit {
    static let grammar = Record(
        "what cloud-init is told", CloudInit(),
        [
            .optional(
                "hostname", \.hostname, .hostname, sample: "other", "The guest's name; the machine's if left out."),
            .defaulted(
                "users", \.users,
                .named(userGrammar.form, userGrammar.title, by: \.name, sorted: false, sample: User(name: "added")),
                to: [], "Users to create."),
            .defaulted(
                "secretFiles", \.secretFiles,
                .list(
                    "files", of: secretFileGrammar.form,
                    sample: SecretFile(path: "/etc/other", contents: .sample)),
                to: [], "Files to write that hold secrets."),
            .defaulted(
                "userData", \.userData, .freeMapping, to: .object([]),
                "Cloud-config that is merged below what is generated."),
            .optional(
                "rerun", \.rerun, .line("a word", limit: 128), sample: "again",
                "Change it to make the guest run it all again."),
        ], reserved: ["userDataFile", "networkConfig", "metaData", "password"]
    ) { cloudInit, decoding, node in
        guard !cloudInit.secretFiles.isEmpty,
            cloudInit.userData.members?.contains(where: { $0.key == "write_files" }) == true,
            let files = decoding.tree.value(of: "secretFiles", in: node)
        else { return }
        decoding.fail(
            files, "write-files", "secretFiles would take the place of userData's write_files",
            help: "write what is no secret by runcmd, or all of it as secretFiles")
    }

    private static let userGrammar = Record(
        "a user", User(name: ""),
        [
            .required("name", \.name, .userName, "The login name."),
            .defaulted(
                "sshKeys", \.sshKeys,
                .list("public keys", of: key, sample: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIadded"),
                to: [], "Public keys, one line each as in authorized_keys."),
            .optional(
                "password", \.password, SecretReference.form, sample: .sample,
                "The password, by reference; by key alone if left out."),
        ], reserved: ["groups", "sudo", "shell"])

    private static let secretFileGrammar = Record(
        "a file with a secret", SecretFile(path: "", contents: SecretReference()),
        [
            .required("path", \.path, .guestPath, "The absolute path in the guest."),
            .required("secretRef", \.contents, SecretReference.sourceForm, "Where its contents are."),
            .defaulted(
                "permissions", \.permissions, .fileMode, to: SecretFile.usualPermissions, "Its mode, in octal digits."),
        ], reserved: ["owner", "content", "encoding", "append"])

    private static let key = Form<String>.line("a public key", limit: 16_384)
}
