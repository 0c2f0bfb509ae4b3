import Model

extension KVMHost {
    static let grammar = Document.grammar(
        .host, "a Host", KVMHost(metadata: Metadata(name: "")),
        [
            .required("metadata", \.metadata, Metadata.grammar.form, "Name, identity and labels."),
            .required("spec", \.spec, specGrammar.form, "What the host is and offers."),
        ])

    static let specGrammar = Record(
        "a Host's spec", Spec(),
        [
            .required(
                "connect", \.connection, connectionForm, "How the host is reached: {local: {}} or {ssh: {address: …}}."),
            .defaulted(
                "capacity", \.capacity, amountGrammar.form, to: Amount(), "What to count with instead of what is there."
            ),
            .defaulted("reserve", \.reserve, amountGrammar.form, to: Amount(), "What is kept for the host itself."),
            .defaulted(
                "overcommit", \.overcommit, overcommitGrammar.form, to: Overcommit(),
                "How much more may be promised than there is."),
            .defaulted(
                "storageRoots", \.storageRoots,
                .list("folders", of: storageRoot, sample: "/srv/infra"), to: Spec().storageRoots,
                "Folders below which directory pools may lie."),
            .optional(
                "underlay", \.underlay, underlayGrammar.form,
                sample: Underlay(address: IPAddress(ipv4: 192, 0, 2, 200)),
                "Where VXLAN traffic of this host comes from; needed to carry a VXLAN network."),
            .defaulted(
                "accelerator", \.accelerator, .word(), to: .auto, "What runs guest code; auto proves KVM first."),
            .defaulted("maintenance", \.maintenance, .boolean, to: false, "Whether new machines stay away."),
            .defaulted(
                "offline", \.offline, .boolean, to: false,
                "Your word that the machine is off: it is not asked, what was there last stays put, the rest goes on."),
        ], reserved: ["taints"])

    private static let amountGrammar = Record(
        "an amount", Amount(),
        [
            .optional("cpu", \.cpu, .integer(0...65_536), sample: 2, "Processors (threads)."),
            .optional("memory", \.memory, .size(ByteCount(0)...ByteCount(1 << 50)), sample: .gibibytes(2), "Memory."),
        ])

    private static let overcommitGrammar = Record(
        "overcommit", Overcommit(),
        [
            .defaulted("cpu", \.cpu, .ratio, to: 1, "Promised over physical processors."),
            .defaulted("memory", \.memory, .ratio, to: 1, "Promised over physical memory."),
        ])

    private static let underlayGrammar = Record(
        "an underlay", Underlay(address: .loopback),
        [
            .required("address", \.address, .address, "The address that tunnels begin and end at."),
            .optional(
                "interface", \.interface, .linkName, sample: "eth7",
                "The interface that carries it; by route if left out."),
        ])

    private static let storageRoot = Form<String>.string(
        "a storage root",
        accepted: "write an absolute path outside \(systemFolders.joined(separator: ", ")), such as /var/lib/infra",
        pattern: "^(?!(\(systemFolders.joined(separator: "|")))(/|$))" + Form<String>.folderPattern.dropFirst(),
        limit: 1024, samples: ["/srv/other", "/srv/another"], isValid: isStorageRoot)

    static func isStorageRoot(_ path: String) -> Bool {
        Form<String>.isFolder(path)
            && !systemFolders.contains { path == $0 || path.hasPrefix($0 + "/") }
    }

    private static let systemFolders = ["/bin", "/boot", "/dev", "/etc", "/lib", "/proc", "/sbin", "/sys", "/usr"]
}
