import Model

extension StoragePool.ISCSI {
    static let grammar = Record(
        "an iSCSI target", StoragePool.ISCSI(portal: "", target: ""),
        [
            .required(
                "portal", \.portal, KVMHost.machineAddress("a portal's address"),
                "The server's name in DNS, or its address."),
            .defaulted("port", \.port, .integer(1...65_535), to: defaultPort, "Its TCP port."),
            .required("target", \.target, targetName, "The target's name."),
            .optional(
                "manage", \.manage, managementGrammar.form,
                sample: StoragePool.ISCSI.Management(host: "other", directory: "/var/lib/infra/other"),
                "Where its units are made; they are there already if left out."),
        ])

    private static let managementGrammar = Record(
        "how a target's units are made", StoragePool.ISCSI.Management(host: "", directory: ""),
        [
            .required("host", \.host, .name, "The host on which its server, tgtd(8), runs."),
            .required(
                "directory", \.directory, .folder,
                "The folder of what is behind the units, below one of that host's storage roots."),
        ])

    /// iqn names of RFC 3720, 3.2.6.3.1, in lower case, without what QEMU's options and libvirt's names set apart.
    private static let targetPattern =
        #"^iqn\.[0-9]{4}-(0[1-9]|1[0-2])\.[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[a-z0-9.:-]+)?$"#

    /// A name's longest form, in bytes.
    private static let targetLimit = 223

    private static let targetName = Form<String>.string(
        "a target's name", accepted: "write an iqn name in lower case, such as iqn.2026-01.example:disks",
        pattern: targetPattern, limit: targetLimit,
        samples: ["iqn.2026-01.example:other", "iqn.2026-01.example:another"], isValid: isTarget)

    static func isTarget(_ text: String) -> Bool {
        text.utf8.count <= targetLimit && (try? Regex(targetPattern).wholeMatch(in: text)) != nil
    }
}
