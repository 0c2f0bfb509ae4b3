import Model

extension StoragePool.LVM {
    static let grammar = Record(
        "a volume group", StoragePool.LVM(volumeGroup: ""),
        [
            .required("volumeGroup", \.volumeGroup, name("a volume group", example: "vg0"), "Its name on the host."),
            .defaulted(
                "devices", \.devices, .list("devices", of: device, sample: "/dev/disk/by-id/other"), to: [],
                "The block devices it is made from, and extended by, which must carry no signature then."),
            .defaulted(
                "adopt", \.adopt, .boolean, to: false,
                "Whether a group that is there and nobody's is taken over, with its thin pool."),
            .optional(
                "thinPool", \.thinPool, thinPoolGrammar.form,
                sample: StoragePool.ThinPool(name: "other", size: .percent(50)),
                "The thin pool in which volumes lie; each takes its whole size if left out."),
            .optional(
                "images", \.images, .name, sample: "other",
                "The directory StoragePool that has images, kernels and seeds for what lies here."),
            .defaulted(
                "wipe", \.wipe, .boolean, to: false,
                "Whether what a volume held is overwritten with zeros before its space is given back; not in a thin pool."
            ),
        ],
        together: [
            (
                "anyOf",
                .array([
                    saying("devices", .members([("minItems", .int(1))])),
                    saying("adopt", .members([("not", .members([("const", .bool(false))]))])),
                ])
            ),
            (
                "not",
                .members([
                    ("required", .array([.string("thinPool"), .string("wipe")])),
                    ("properties", .members([("wipe", .members([("not", .members([("const", .bool(false))]))]))])),
                ])
            ),
        ]
    ) { lvm, decoding, node in
        guard decoding.mode == .manifest else { return }
        if lvm.wipe, lvm.thinPool != nil, let wipe = decoding.tree.value(of: "wipe", in: node) {
            decoding.fail(
                wipe, "conflict", "a thin pool has nothing to wipe: it gives out all of its space as zeros",
                help: "leave wipe out")
        }
        guard lvm.devices.isEmpty, !lvm.adopt else { return }
        decoding.fail(
            node, "missing-field", "a volume group needs devices",
            help:
                "write devices: [/dev/disk/by-id/…] to have it made, or adopt: true to take over the one that is there")
    }

    private static func saying(_ field: String, _ condition: JSONValue) -> JSONValue {
        .members([
            ("required", .array([.string(field)])), ("properties", .members([(field, condition)])),
        ])
    }

    private static let thinPoolGrammar = Record(
        "a thin pool", StoragePool.ThinPool(name: "", size: .percent(100)),
        [
            .required("name", \.name, name("a thin pool", example: "thin"), "Its name in the group."),
            .required(
                "size", \.size, thinPoolSize, "How large it is made: a size, or a share of what is free in the group."),
            .optional(
                "metadata", \.metadata,
                .size(.mebibytes(4)...ByteCount(15 << 30), multipleOf: StoragePool.LVM.extentSize),
                sample: .mebibytes(64), "What its metadata takes beside that; LVM chooses if left out."),
            .optional(
                "chunk", \.chunk, .size(ByteCount(64 << 10)...ByteCount(1 << 30), multipleOf: ByteCount(64 << 10)),
                sample: ByteCount(128 << 10),
                "What is taken at once when a volume is written to; LVM chooses if left out."),
            .defaulted(
                "overprovision", \.overprovision, .ratio, to: 1, "How much more may be promised than it has."),
            .optional(
                "autoextend", \.autoextend, StoragePool.Autoextend.grammar.form,
                sample: StoragePool.Autoextend(threshold: 70, by: 10),
                "When LVM makes it larger by itself, and by how much; never if left out."),
        ]
    ) { thin, decoding, node in
        guard decoding.mode == .manifest, case .bytes(let size) = thin.size,
            size < extentSize || size > ByteCount(512 << 40) || size.bytes % extentSize.bytes != 0,
            let place = decoding.tree.value(of: "size", in: node)
        else { return }
        decoding.fail(
            place, "size", "\(size) is not accepted here",
            help: "write a multiple of \(extentSize), from \(extentSize) to \(ByteCount(512 << 40))")
    }

    private static let thinPoolSize = Form<StoragePool.ThinPool.Size>.text(
        "a thin pool's size",
        accepted: "write \(ByteCount.acceptedForm), or a share of what is free, such as 80%",
        pattern: "^([0-9]{1,19}(KiB|MiB|GiB|TiB)|[1-9][0-9]?%|100%)$",
        samples: [.bytes(.gibibytes(1 << 10)), .percent(50)],
        parse: { text in
            if text.hasSuffix("%") {
                return Int(text.dropLast()).flatMap { (1...100).contains($0) && "\($0)%" == text ? .percent($0) : nil }
            }
            return ByteCount(text).map { .bytes($0) }
        },
        print: { size in
            switch size {
            case .percent(let share): "\(share)%"
            case .bytes(let size): size.description
            }
        })

    /// What lvm(8) takes, without the names that it keeps for itself, and short enough for device mapper beside a volume's.
    private static func name(_ what: String, example: String) -> Form<String> {
        .string(
            "the name of \(what)",
            accepted: "use at most 25 letters, digits and . _ + - beginning with a letter or digit, such as \(example)",
            pattern: "^(?!snapshot|pvmove)(?!.*_(\(reserved.joined(separator: "|"))))[A-Za-z0-9][A-Za-z0-9._+-]{0,24}$",
            limit: 25, samples: ["other", "another"], isValid: isName)
    }

    static func isName(_ text: String) -> Bool {
        guard let first = text.utf8.first, text.utf8.count <= 25 else { return false }
        func isAlphanumeric(_ byte: UInt8) -> Bool {
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
            default: false
            }
        }
        return isAlphanumeric(first)
            && text.utf8.allSatisfy { isAlphanumeric($0) || [0x2b, 0x2d, 0x2e, 0x5f].contains($0) }
            && !text.hasPrefix("snapshot") && !text.hasPrefix("pvmove")
            && !reserved.contains { text.contains("_" + $0) }
    }

    /// Behind an underscore these make the name of a part of a volume, lvm(8).
    private static let reserved = [
        "cdata", "cmeta", "corig", "cvol", "iorig", "mimage", "mlog", "pmspare", "rimage", "rmeta", "tdata", "tmeta",
        "vdata", "vorigin", "wcorig",
    ]

    private static let device = Form<String>.string(
        "a block device",
        accepted:
            "write an absolute path below /dev without . or .. or // in it, such as /dev/disk/by-id/virtio-disk-1",
        pattern: "^/dev(/[A-Za-z0-9_@+][A-Za-z0-9._@+:-]*)+$", limit: 255,
        samples: ["/dev/disk/by-id/other", "/dev/disk/by-id/another"], isValid: isDevice)

    static func isDevice(_ text: String) -> Bool {
        text.hasPrefix("/dev/") && text.utf8.count <= 255 && text.first != ":"
            && !text.contains("/:") && Form<String>.isFolder(text.replacing(":", with: "_"))
    }
}
