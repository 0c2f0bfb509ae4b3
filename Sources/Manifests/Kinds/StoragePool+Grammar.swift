import Model

extension StoragePool {
    static let grammar = Document.grammar(
        .storagePool, "a StoragePool", StoragePool(metadata: Metadata(name: ""), spec: empty),
        [
            .required("metadata", \.metadata, Metadata.adoptableGrammar.form, "Name, identity and labels."),
            .required("spec", \.spec, specGrammar.form, "Where volumes lie."),
        ])

    static let recorded = grammar.adding([
        .optional("status", \.status, statusGrammar.form, "What was observed.")
    ])

    private static let empty = Spec(path: "")

    private static let specGrammar = Record(
        "a StoragePool's spec", empty,
        [
            .defaulted(
                "hosts", \.hosts, .list("hosts", of: .name, sample: "other"), to: [],
                "The hosts that have it; every host if left out."),
            .group("directory", directoryGrammar, required: true, "A folder of disk images."),
            .defaulted("overcommit", \.overcommit, .ratio, to: 1, "Promised over physical space; thin disks grow."),
            .optional(
                "capacity", \.capacity, .size(ByteCount.mebibytes(1)...ByteCount(ByteCount.limit)),
                sample: .gibibytes(100), "What to count with instead of what is there."),
            .defaulted(
                "shared", \.shared, .boolean, to: false,
                "Whether the folder is the same file system on all its hosts, as by NFS."),
        ], reserved: ["hostSelector", "lvm", "nfs", "iscsi", "rbd"])

    private static let directoryGrammar = Record(
        "a directory", empty,
        [.required("path", \.path, .folder, "The folder, below one of the host's storage roots.")])

    private static let statusGrammar = Record(
        "a pool's status", Status(host: "", uuid: .none, name: ""),
        [
            .required("host", \.host, .observed, "The host."),
            .required("uuid", \.uuid, .uuid, "libvirt's UUID."),
            .required("name", \.name, .observed, "libvirt's name."),
            .defaulted("active", \.active, .boolean, to: true, "Whether it is started."),
            .defaulted("autostart", \.autostart, .boolean, to: true, "Whether it starts with the host."),
            .optional("capacity", \.capacity, .anySize, "Size of the file system below."),
            .optional("available", \.available, .anySize, "Free space of the file system below."),
        ])
}

extension Form where Value == ByteCount {
    /// A size that was observed.
    static let anySize = size(ByteCount(0)...ByteCount(.max))
}

extension Record {
    /// The same table with more fields.
    func adding(_ more: [Field<Root>]) -> Record {
        Record(title, initial, fields + more, reserved: reserved, together: together, rule: rule)
    }
}
