import Model

extension StoragePool.RBD {
    static let grammar = Record(
        "a pool of a Ceph cluster", StoragePool.RBD(monitors: [], pool: ""),
        [
            .defaulted(
                "monitors", \.monitors,
                .list("monitors", of: KVMHost.machineAddress("a monitor's address"), sample: "mon-9.example"), to: [],
                "The cluster's monitors, by name or address; those of each host's own ceph.conf if left out."),
            .defaulted("port", \.port, .integer(1...65_535), to: defaultPort, "Their TCP port."),
            .required("pool", \.pool, Form<String>.rbdName("a pool's name"), "The pool's name in the cluster."),
            .optional("auth", \.auth, authGrammar.form, "Who QEMU is to the cluster; nobody if left out."),
        ])

    private static let authGrammar = Record(
        "who somebody is to a cluster", Auth(user: "", secret: .none),
        [
            .required("user", \.user, Form<String>.rbdName("a user's name"), "The name, without `client.` before it."),
            .required(
                "secret", \.secret, .uuid, "The UUID of libvirt's secret on each host that has the user's key."),
        ])
}

extension Form where Value == String {
    /// A name in a cluster that nothing sets apart: neither QEMU's options nor libvirt's names nor our paths.
    static func rbdName(_ what: String) -> Form {
        .string(
            what,
            accepted: "use at most 96 letters, digits and . _ - beginning with a letter or digit, such as disks",
            pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,95}$", limit: 96, samples: ["other", "another"], isValid: isRBDName)
    }

    static func isRBDName(_ text: String) -> Bool {
        func isAlphanumeric(_ byte: UInt8) -> Bool {
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
            default: false
            }
        }
        guard let first = text.utf8.first, text.utf8.count <= 96 else { return false }
        return isAlphanumeric(first) && text.utf8.allSatisfy { isAlphanumeric($0) || [0x2d, 0x2e, 0x5f].contains($0) }
    }
}
