import Model

extension StoragePool {
    static let grammar = Document.grammar(
        .storagePool, "a StoragePool", StoragePool(metadata: Metadata(name: ""), spec: empty),
        [
            .required("metadata", \.metadata, Metadata.adoptableGrammar.form, "Name, identity and labels."),
            .required("spec", \.spec, specForm, "Where volumes lie."),
        ])

    static let recorded = grammar.adding([
        .optional("status", \.status, statusGrammar.form, "What was observed.")
    ])

    private static let empty = Spec(path: "")

    /// What keeps the volumes, as it is written: one of several fields.
    private struct Written {
        var hosts: [String] = []
        var directory: String?
        var lvm: LVM?
        var nfs: NFS?
        var overcommit = 1.0
        var capacity: ByteCount?
        var shared = false
        var leases = false

        init() {}

        init(_ spec: Spec) {
            hosts = spec.hosts
            overcommit = spec.overcommit
            capacity = spec.capacity
            shared = spec.shared && spec.nfs == nil
            leases = spec.leases
            switch spec.backend {
            case .directory(let path): directory = path
            case .lvm(let lvm): self.lvm = lvm
            case .nfs(let nfs): self.nfs = nfs
            }
        }

        /// What it says; nil unless it says one thing.
        var spec: Spec? {
            switch (directory, lvm, nfs) {
            case (let path?, nil, nil):
                Spec(
                    hosts: hosts, path: path, overcommit: overcommit, capacity: capacity, shared: shared, leases: leases
                )
            case (nil, let lvm?, nil):
                Spec(hosts: hosts, .lvm(lvm), overcommit: overcommit, capacity: capacity, leases: leases)
            case (nil, nil, let nfs?):
                Spec(hosts: hosts, .nfs(nfs), overcommit: overcommit, capacity: capacity, leases: leases)
            default: nil
            }
        }
    }

    private static let backends = ["directory", "lvm", "nfs"]

    private static let specForm = Record(
        "a StoragePool's spec", Written(),
        [
            .defaulted(
                "hosts", \.hosts, .list("hosts", of: .name, sample: "other"), to: [],
                "The hosts that have it; every host if left out."),
            .optional("directory", \.directory, directoryForm, "A folder of disk images."),
            .optional("lvm", \.lvm, LVM.grammar.form, "A volume group of LVM."),
            .optional(
                "nfs", \.nfs, NFS.grammar.form, "An export of an NFS server with disk images, shared by its hosts."),
            .defaulted(
                "overcommit", \.overcommit, .ratio, to: 1,
                "Promised over physical space of a folder; thin disks grow."),
            .optional(
                "capacity", \.capacity, .size(ByteCount.mebibytes(1)...ByteCount(ByteCount.limit)),
                sample: .gibibytes(100), "What to count with instead of what is there."),
            .defaulted(
                "shared", \.shared, .boolean, to: false,
                "Whether the folder is the same file system on all its hosts, mounted by you."),
            .defaulted(
                "leases", \.leases, .boolean, to: false,
                "Whether libvirt lets a machine start only with disks that no machine of another host has (virtlockd)."),
        ], reserved: ["hostSelector", "iscsi", "rbd"],
        together: [
            ("oneOf", .array(backends.map { .members([("required", .array([.string($0)]))]) })),
            (
                "dependentSchemas",
                .members([
                    (
                        "lvm",
                        .members([("properties", .members([("overcommit", .bool(false)), ("shared", .bool(false))]))])
                    ), ("nfs", .members([("properties", .members([("shared", .bool(false))]))])),
                ])
            ),
        ]
    ) { written, decoding, node in
        if written.spec == nil {
            guard let second = ["nfs", "lvm"].lazy.compactMap({ decoding.tree.value(of: $0, in: node) }).first else {
                decoding.fail(
                    node, "missing-field", "a StoragePool's spec needs directory, lvm or nfs",
                    help: "directory: {path: /var/lib/infra/disks} for a folder of disk images, "
                        + "lvm: {volumeGroup: vg0, devices: [/dev/disk/by-id/…]} for logical volumes, "
                        + "nfs: {server: nas.example, export: /srv/disks, path: /var/lib/infra/nas} for an export")
                return
            }
            decoding.fail(
                second, "conflict", "a pool is one thing, directory, lvm or nfs", help: "declare a pool for each")
        } else if decoding.mode == .manifest, written.lvm != nil,
            let overcommit = decoding.tree.value(of: "overcommit", in: node)
        {
            decoding.fail(
                overcommit, "conflict", "a volume group has no overcommit",
                help: "only a thin pool can promise more than it has; write lvm.thinPool.overprovision")
        } else if decoding.mode == .manifest, let shared = decoding.tree.value(of: "shared", in: node) {
            if written.lvm != nil {
                decoding.fail(
                    shared, "conflict", "a volume group is not shared",
                    help: "two hosts that change one group at once destroy it; leave shared out")
            } else if written.nfs != nil {
                decoding.fail(shared, "conflict", "an export is always shared", help: "leave shared out")
            }
        }
    }.form.converted(to: { written, _, _ in written.spec }, from: { Written($0) }, varied: \.spec)

    private struct Directory {
        var path = ""
    }

    private static let directoryForm = Record(
        "a directory", Directory(),
        [.required("path", \.path, .folder, "The folder, below one of the host's storage roots.")]
    ).form.converted(to: { written, _, _ in written.path }, from: { Directory(path: $0) }, varied: \.path)

    private static let statusGrammar = Record(
        "a pool's status", Status(host: "", uuid: .none, name: ""),
        [
            .required("host", \.host, .observed, "The host."),
            .required("uuid", \.uuid, .uuid, "libvirt's UUID; of a volume group one of ours."),
            .required("name", \.name, .observed, "libvirt's name; of a volume group its own."),
            .defaulted("active", \.active, .boolean, to: true, "Whether it is started."),
            .defaulted("autostart", \.autostart, .boolean, to: true, "Whether it starts with the host."),
            .optional("capacity", \.capacity, .anySize, "Size of the file system below, or of the thin pool."),
            .optional("available", \.available, .anySize, "What of it is free."),
            .optional("group", \.group, groupGrammar.form, "The volume group."),
        ])

    private static let groupGrammar = Record(
        "an observed volume group", VolumeGroup(extent: ByteCount(0)),
        [
            .required("extent", \.extent, .anySize, "What sizes in it are multiples of."),
            .optional("thinPool", \.thinPool, useGrammar.form, "Its thin pool."),
        ])

    private static let useGrammar = Record(
        "an observed thin pool", ThinPoolUse(size: ByteCount(0), metadata: ByteCount(0)),
        [
            .required("size", \.size, .anySize, "What it has for data."),
            .required("metadata", \.metadata, .anySize, "What it has for metadata."),
            .optional("dataPercent", \.dataPercent, .ratio, "How much of the data space is taken."),
            .optional("metadataPercent", \.metadataPercent, .ratio, "How much of the metadata space is taken."),
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
