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
