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
    private static let targetName = Form<String>.string(
        "a target's name", accepted: "write an iqn name in lower case, such as iqn.2026-01.example:disks",
        pattern: "^iqn\\.[0-9]{4}-(0[1-9]|1[0-2])\\.[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[a-z0-9.:-]+)?$", limit: 223,
        samples: ["iqn.2026-01.example:other", "iqn.2026-01.example:another"], isValid: isTarget)

    static func isTarget(_ text: String) -> Bool {
        func isWord(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) || (0x61...0x7a).contains(byte) }
        guard text.utf8.count <= 223, text.hasPrefix("iqn."),
            text.utf8.allSatisfy({ isWord($0) || [0x2d, 0x2e, 0x3a].contains($0) })
        else { return false }
        let parts = text.dropFirst(4).split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let (date, authority) = (parts[0].prefix(7), parts[0].dropFirst(8))
        let months = date.split(separator: "-", omittingEmptySubsequences: false)
        guard months.count == 2, months[0].utf8.count == 4, months.allSatisfy({ Int($0) != nil }),
            months[1].utf8.count == 2, (1...12).contains(Int(months[1]) ?? 0), parts[0].dropFirst(7).first == "."
        else { return false }
        guard let first = authority.utf8.first, let last = authority.utf8.last else { return false }
        return isWord(first) && isWord(last) && parts.dropFirst().allSatisfy { !$0.isEmpty }
    }
}
