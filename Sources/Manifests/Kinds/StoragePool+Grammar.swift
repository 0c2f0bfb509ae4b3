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
        var iscsi: ISCSI?
        var rbd: RBD?
        var overcommit = 1.0
        var capacity: ByteCount?
        var shared = false
        var leases = false

        init() {}

        init(_ spec: Spec) {
            hosts = spec.hosts
            overcommit = spec.overcommit
            capacity = spec.capacity
            shared = spec.shared && !spec.isOnNetwork
            leases = spec.leases
            switch spec.backend {
            case .directory(let path): directory = path
            case .lvm(let lvm): self.lvm = lvm
            case .nfs(let nfs): self.nfs = nfs
            case .iscsi(let iscsi): self.iscsi = iscsi
            case .rbd(let rbd): self.rbd = rbd
            }
        }

        /// What it says; nil unless it says one thing.
        var spec: Spec? {
            let backends =
                [
                    directory.map { .directory(path: $0) }, lvm.map { .lvm($0) }, nfs.map { .nfs($0) },
                    iscsi.map { .iscsi($0) }, rbd.map { .rbd($0) },
                ] as [Backend?]
            let said = backends.compactMap(\.self)
            guard let backend = said.first, said.count == 1 else { return nil }
            return Spec(
                hosts: hosts, backend, overcommit: overcommit, capacity: capacity, shared: shared, leases: leases)
        }
    }

    private static let backends = ["directory", "lvm", "nfs", "iscsi", "rbd"]

    /// What is not said of a server on which others see to room.
    private static let unsaid = ["overcommit", "capacity", "shared"]

    private static let remote = JSONValue.members([
        ("properties", .members(unsaid.map { ($0, .bool(false)) }))
    ])

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
            .optional(
                "iscsi", \.iscsi, ISCSI.grammar.form, "A target of an iSCSI server, whose logical units are volumes."),
            .optional(
                "rbd", \.rbd, RBD.grammar.form, "A pool of a Ceph cluster, whose RBD images are volumes."),
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
        ], reserved: ["hostSelector"],
        together: [
            ("oneOf", .array(backends.map { .members([("required", .array([.string($0)]))]) })),
            (
                "dependentSchemas",
                .members([
                    (
                        "lvm",
                        .members([("properties", .members([("overcommit", .bool(false)), ("shared", .bool(false))]))])
                    ), ("nfs", .members([("properties", .members([("shared", .bool(false))]))])),
                    ("iscsi", remote), ("rbd", remote),
                ])
            ),
        ]
    ) { written, decoding, node in
        guard written.spec != nil else { return refuse(node, decoding) }
        guard decoding.mode == .manifest else { return }
        if written.lvm != nil {
            decoding.refuse(
                "overcommit", in: node, "a volume group has no overcommit",
                help: "only a thin pool can promise more than it has; write lvm.thinPool.overprovision")
            decoding.refuse(
                "shared", in: node, "a volume group is not shared",
                help: "two hosts that change one group at once destroy it; leave shared out")
        } else if written.nfs != nil {
            decoding.refuse("shared", in: node, "an export is always shared", help: "leave shared out")
        } else if written.iscsi != nil || written.rbd != nil {
            for name in unsaid {
                decoding.refuse(
                    name, in: node,
                    written.rbd == nil
                        ? "a target's logical units are each as large as they are"
                        : "a cluster's images are there, each as large as it is",
                    help: "leave \(name) out")
            }
        }
    }.form.converted(to: { written, _, _ in written.spec }, from: { Written($0) }, varied: \.spec)

    /// Reports a pool that is nothing, or several things.
    private static func refuse(_ node: Int, _ decoding: Decoding) {
        guard
            let second = backends.dropFirst().reversed().lazy.compactMap({ decoding.tree.value(of: $0, in: node) })
                .first
        else {
            decoding.fail(
                node, "missing-field", "a StoragePool's spec needs directory, lvm, nfs, iscsi or rbd",
                help: "directory: {path: /var/lib/infra/disks} for a folder of disk images, "
                    + "lvm: {volumeGroup: vg0, devices: [/dev/disk/by-id/…]} for logical volumes, "
                    + "nfs: {server: nas.example, export: /srv/disks, path: /var/lib/infra/nas} for an export, "
                    + "iscsi: {portal: san.example, target: iqn.2026-01.example:disks} for logical units, "
                    + "rbd: {monitors: [mon-1.example], pool: disks} for RBD images")
            return
        }
        decoding.fail(
            second, "conflict", "a pool is one thing, directory, lvm, nfs, iscsi or rbd",
            help: "declare a pool for each")
    }

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
            .optional(
                "autoextend", \.autoextend, Autoextend.grammar.form, "When LVM makes it larger by itself."),
            .optional("autoextendFlaw", \.autoextendFlaw, .observed, "Why that is not as it is to be."),
        ])
}

extension Decoding {
    /// Reports a field that does not go with another.
    fileprivate func refuse(_ name: String, in mapping: Int, _ message: String, help: String) {
        guard let value = tree.value(of: name, in: mapping) else { return }
        fail(value, "conflict", message, help: help)
    }
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
