import Model

extension Volume {
    static let grammar = Document.grammar(
        .volume, "a Volume", Volume(metadata: Metadata(name: ""), spec: empty),
        [
            .required("metadata", \.metadata, Metadata.grammar.form, "Name, identity and labels."),
            .required("spec", \.spec, specGrammar.form, "Where it lies, how big it is, what it starts from."),
        ])

    static let recorded = grammar.adding([
        .optional("status", \.status, statusGrammar.form, "What was observed.")
    ])

    /// Room for a boot sector at least, and within what qcow2 and the usual file systems hold.
    static let sizes = ByteCount.mebibytes(1)...ByteCount(512 << 40)

    private static let empty = Spec(pool: "", size: ByteCount(0))

    private static let specGrammar = Record(
        "a Volume's spec", empty,
        [
            .required("pool", \.pool, .name, "The StoragePool it lies in."),
            .required("size", \.size, .size(sizes), "The size the guest sees."),
            .optional("image", \.image, .name, sample: "other", "The Image it starts from; empty if left out."),
            .group(
                "from", fromGrammar,
                "What it starts from, in long form: {image: tiny}, {volume: other}, {snapshot: nightly} or {deleted: old}."
            ),
            .defaulted(
                "clone", \.clone, .word(), to: .linked,
                "Whether it is a thin layer over what it starts from or a copy of its own."),
            .defaulted("format", \.format, .word(), to: .qcow2, "How the bytes are to be read."),
            .defaulted(
                "deletion", \.deletion, .word(), to: .retain,
                "What becomes of the data when the volume leaves the fleet."),
            .defaulted(
                "reuse", \.reuse, .boolean, to: false,
                "Whether a retained volume of this identity may be taken up again."),
            .optional(
                "file", \.file, .fileName, sample: "other.qcow2",
                "The name of a file, or a logical volume, that is there in the pool: adopts it. Derived if left out."),
            .optional(
                "lun", \.lun, .integer(0...16_383), sample: 7,
                "The number of the logical unit that it is, in a pool on an iSCSI target."),
            .optional(
                "rbdImage", \.rbdImage, Form<String>.rbdName("an RBD image's name"),
                "The name of the RBD image that it is, in a pool of a Ceph cluster."),
        ], reserved: ["placement", "snapshots", "host"], together: together
    ) { _, decoding, node in
        decoding.refuseRepeatedOrigin(in: node)
        decoding.refuseOrigin(ofAdopted: node)
    }

    private static let fromGrammar = origin(
        empty,
        Origin(
            image: \.image, source: \.source, snapshot: \.snapshot, disk: \.snapshotDisk, deleted: \.deleted,
            moment: \.snapshotMoment, clone: \.clone))

    /// The short form or the long one, not both.
    static let originTogether = together(adopted: [])

    /// What an adopted file starts from is in it.
    private static let together = together(
        adopted: [
            (
                "file",
                .members([("properties", .members(["image", "from", "clone"].map { ($0, .bool(false)) }))])
            )
        ])

    private static func together(adopted: [(String, JSONValue)]) -> [(String, JSONValue)] {
        let noClone = JSONValue.members([("properties", .members([("clone", .bool(false))]))])
        let short = JSONValue.members([("properties", .members([("from", noClone)]))])
        return [
            ("not", .members([("required", .array([.string("image"), .string("from")]))])),
            ("dependentSchemas", .members([("clone", short)] + adopted)),
        ]
    }

    /// The long form of `image` and `clone`. Read only: what is written has the short form.
    static func origin<Root: Sendable>(_ initial: Root, _ fields: Origin<Root>) -> Record<Root> {
        let either = Decoding.origins.map { name in
            JSONValue.members([("required", .array([.string(name)]))])
        }
        let ofTimes = ["snapshot", "deleted"].map { JSONValue.members([("required", .array([.string($0)]))]) }
        return Record(
            "what a volume starts from", initial,
            [
                .readOnly(.optional("image", fields.image, .name, "The Image.")),
                .readOnly(
                    .optional("volume", fields.source, .volumeName, "The volume that it is a copy of, as that is then.")
                ),
                .readOnly(.optional("snapshot", fields.snapshot, .name, "The Snapshot.")),
                .readOnly(
                    .optional(
                        "disk", fields.disk, .name,
                        "Which disk of the snapshot; that of its own name if left out, or the only one.")),
                .readOnly(
                    .optional(
                        "deleted", fields.deleted, .deletedVolumeName,
                        "The volume that it is a copy of, as that was when it was deleted.")),
                .readOnly(
                    .optional(
                        "moment", fields.moment, .moment,
                        "Which of the times that it was taken, or deleted; the last one if left out.")),
                .readOnly(.defaulted("clone", fields.clone, .word(), to: .linked, "Linked or full.")),
            ],
            together: [
                ("oneOf", .array(either)),
                ("dependentRequired", .members([("disk", .array([.string("snapshot")]))])),
                ("dependentSchemas", .members([("moment", .members([("anyOf", .array(ofTimes))]))])),
            ]
        ) { _, decoding, node in
            decoding.requireOneOrigin(in: node)
        }
    }

    /// Where a value keeps what a volume starts from.
    struct Origin<Root> {
        let image: FieldPath<Root, String?>
        let source: FieldPath<Root, String?>
        let snapshot: FieldPath<Root, String?>
        let disk: FieldPath<Root, String?>
        let deleted: FieldPath<Root, String?>
        let moment: FieldPath<Root, Moment?>
        let clone: FieldPath<Root, Clone>
    }

    private static let partGrammar = Record(
        "a part of a snapshot", Snapshot.Part(snapshot: "", moment: Moment(seconds: 0), disks: []),
        [
            .required("snapshot", \.snapshot, .observed, "The snapshot."),
            .required("moment", \.moment, .moment, "Which of the times that it was taken."),
            .required(
                "disks", \.disks, .list("names", of: .observed, sample: "other"), "All disks of that time."),
            .optional("taken", \.taken, .moment, "When it was taken."),
        ])

    private static let deletedGrammar = Record(
        "a deletion", Deleted(volume: "", moment: Moment(seconds: 0), until: Moment(seconds: 0)),
        [
            .required("volume", \.volume, .observed, "What it was called."),
            .required("moment", \.moment, .moment, "When its deletion was planned."),
            .required("until", \.until, .moment, "Until when it stays."),
        ])

    private static let markGrammar = Record(
        "a mark", Mark(fleet: .none, id: "", deletion: .retain),
        [
            .required("fleet", \.fleet, .uuid, "The fleet it belongs to."),
            .required("id", \.id, .observed, "Its identity there."),
            .required("deletion", \.deletion, .word(), "What becomes of the data."),
            .optional("origin", \.origin, .observed, "SHA-256 of the image it started from."),
            .optional("file", \.file, .observed, "The file's own name, of one that was adopted."),
            .optional(
                "format", \.format, .word(), sample: .raw, "How the bytes of one that was adopted are to be read."),
            .defaulted("retained", \.retained, .boolean, to: false, "Whether it was kept after what it served left."),
            .optional(
                "copy", \.copy, .copy, sample: .incoming,
                "What it is beside the copy that counts: incoming, moved-to a host, incoming-from or moved-to-pool a pool."
            ),
            .optional("shared", \.shared, .boolean, "Whether several hosts reach the file."),
            .optional("part", \.part, partGrammar.form, "What it is of a snapshot."),
            .optional("unit", \.unit, .observed, "The logical unit that it is behind."),
            .optional("deleted", \.deleted, deletedGrammar.form, "When it was deleted and until when it stays."),
        ])

    private static let statusGrammar = Record(
        "a volume's status", Status(host: "", uuid: .none, path: ""),
        [
            .required("host", \.host, .observed, "The host."),
            .required("uuid", \.uuid, .uuid, "UUIDv5 of the fleet and the identity."),
            .required("path", \.path, .observed, "The absolute path."),
            .optional("mark", \.mark, markGrammar.form, "What the file says about itself."),
            .optional("backing", \.backing, .observed, "The file it is a layer over."),
            .optional("allocation", \.allocation, .anySize, "Bytes taken from the file system."),
            .defaulted("staged", \.staged, .boolean, to: false, "Whether it is an unfinished file."),
        ])
}

extension Form where Value == Volume.Copy {
    /// Which copy a file is.
    fileprivate static let copy = text(
        "a copy", accepted: "write incoming, or moved-to and a host, or incoming-from or moved-to-pool and a pool",
        pattern: "^(incoming|(moved-to|incoming-from|moved-to-pool) .+)$",
        samples: [.incoming, .movedTo("a"), .incomingFrom(pool: "a"), .movedToPool("a")],
        parse: { Value(rawValue: $0) }, print: \.rawValue)
}

extension Decoding {
    /// Reports an image that an adopted file would start from: it is there already.
    fileprivate func refuseOrigin(ofAdopted mapping: Int) {
        guard mode == .manifest, tree.value(of: "file", in: mapping) != nil else { return }
        for name in ["image", "from", "clone"] {
            guard let origin = tree.value(of: name, in: mapping) else { continue }
            fail(origin, "conflict", "a volume with a file of its own starts from nothing", help: "leave \(name) out")
        }
    }

    /// What a volume can start from.
    static let origins = ["image", "volume", "snapshot", "deleted"]

    /// Reports an origin that is none, or two.
    fileprivate func requireOneOrigin(in mapping: Int) {
        let said = Self.origins.filter { tree.value(of: $0, in: mapping) != nil }
        let details = [("disk", ["snapshot"]), ("moment", ["snapshot", "deleted"])]
        for (name, owners) in details where Set(owners).isDisjoint(with: said) {
            guard let detail = tree.value(of: name, in: mapping) else { continue }
            let words = owners.joined(separator: " or ")
            fail(detail, "missing-field", "\(name) is said of a snapshot", help: "write \(words), or leave it out")
        }
        guard said.count != 1 else { return }
        if said.isEmpty {
            fail(
                mapping, "missing-field", "from needs image, volume, snapshot or deleted",
                help: "write from: {image: …}, from: {volume: …}, from: {snapshot: …} or from: {deleted: …}")
        } else if let second = tree.value(of: said[1], in: mapping) {
            fail(
                second, "conflict", "a volume starts from one of image, volume, snapshot and deleted",
                help: "keep one of them")
        }
    }

    /// Reports what a volume says in the short form and in the long one.
    func refuseRepeatedOrigin(in mapping: Int) {
        guard let from = tree.value(of: "from", in: mapping) else { return }
        for name in ["image", "clone"] {
            guard let short = tree.value(of: name, in: mapping), tree.value(of: name, in: from) != nil else { continue }
            fail(short, "conflict", "\(name) is said by from as well", help: "keep one of them")
        }
    }
}
