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
                "userData", \.userData, .freeMapping, to: .object([]),
                "Cloud-config that is merged below what is generated."),
            .optional(
                "rerun", \.rerun, .line("a word", limit: 128), sample: "again",
                "Change it to make the guest run it all again."),
        ], reserved: ["userDataFile", "networkConfig", "metaData", "password"])

    private static let userGrammar = Record(
        "a user", User(name: ""),
        [
            .required("name", \.name, .userName, "The login name."),
            .defaulted(
                "sshKeys", \.sshKeys,
                .list("public keys", of: key, sample: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIadded"),
                to: [], "Public keys, one line each as in authorized_keys."),
        ], reserved: ["password", "groups", "sudo", "shell"])

    private static let key = Form<String>.line("a public key", limit: 16_384)
}
