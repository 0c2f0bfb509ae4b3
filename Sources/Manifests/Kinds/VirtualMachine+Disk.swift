import Model

extension VirtualMachine.Disk {
    /// A disk as it is written: either a volume's name, or the declaration of a volume of its own.
    private struct Written {
        var name = ""
        var volume: String?
        var pool: String?
        var size: ByteCount?
        var image: String?
        var source: String?
        var snapshot: String?
        var snapshotDisk: String?
        var deleted: String?
        var snapshotMoment: Moment?
        var clone = Volume.Clone.linked
        var format: Volume.Format?
        var deletion = Deletion.retain
        var reuse = false
        var bus = VirtualMachine.Disk.Bus.virtio
        var bootOrder: Int?
        var path: String?

        init() {}

        init(_ disk: VirtualMachine.Disk) {
            name = disk.name
            volume = disk.volume
            bus = disk.bus
            bootOrder = disk.bootOrder
            path = disk.path
            format = disk.format
            guard let declared = disk.declared else { return }
            pool = declared.pool
            size = declared.size
            image = declared.image
            source = declared.source
            snapshot = declared.snapshot
            snapshotDisk = declared.snapshotDisk
            deleted = declared.deleted
            snapshotMoment = declared.snapshotMoment
            clone = declared.clone
            format = declared.format == .qcow2 ? nil : declared.format
            deletion = declared.deletion
            reuse = declared.reuse
        }

        /// Whether it is what a manifest may say.
        var isDeclared: Bool {
            volume == nil ? pool != nil && size != nil : pool == nil && size == nil && format == nil
        }

        var disk: VirtualMachine.Disk {
            guard let pool, let size else {
                return VirtualMachine.Disk(
                    name: name, volume: volume, bus: bus, bootOrder: bootOrder, path: path, format: format)
            }
            let declared = Volume.Spec(
                pool: pool, size: size, image: image, source: source, snapshot: snapshot, snapshotDisk: snapshotDisk,
                deleted: deleted, snapshotMoment: snapshotMoment, clone: clone, format: format ?? .qcow2,
                deletion: deletion, reuse: reuse)
            return VirtualMachine.Disk(
                name: name, volume: volume, declared: declared, bus: bus, bootOrder: bootOrder, path: path)
        }
    }

    /// The name of a volume, or all that declares one.
    private static let together: [(String, JSONValue)] = [
        ("if", .members([("required", .array([.string("volume")]))])),
        ("then", .members([("properties", .members(Decoding.declaring.map { ($0, .bool(false)) }))])),
        ("else", .members([("required", .array([.string("pool"), .string("size")]))])),
    ]

    private static let record = Record(
        "a disk", Written(),
        [
            .required("name", \.name, .name, "Unique within the machine."),
            .optional("volume", \.volume, .name, "A Volume that is a document of its own."),
            .optional("pool", \.pool, .name, sample: "other", "The StoragePool it lies in."),
            .optional("size", \.size, .size(Volume.sizes), sample: .gibibytes(3), "The size the guest sees."),
            .optional("image", \.image, .name, sample: "other", "The Image it starts from; empty if left out."),
            .group(
                "from",
                Volume.origin(
                    Written(),
                    Volume.Origin(
                        image: \.image, source: \.source, snapshot: \.snapshot, disk: \.snapshotDisk,
                        deleted: \.deleted, moment: \.snapshotMoment, clone: \.clone)),
                "What it starts from, in long form: {image: tiny}, {volume: other}, {snapshot: nightly} or {deleted: old}."
            ),
            .defaulted(
                "clone", \.clone, .word(), to: .linked,
                "Whether it is a thin layer over what it starts from or a copy of its own."),
            .optional("format", \.format, .word(), sample: .raw, "How the bytes are to be read; qcow2 if left out."),
            .defaulted("bus", \.bus, .word(), to: .virtio, "How the guest sees it."),
            .optional(
                "bootOrder", \.bootOrder, .integer(1...99), sample: 9,
                "Its place in the firmware's boot order; not booted from if left out."),
            .defaulted(
                "deletion", \.deletion, .word(), to: .retain, "What becomes of the data when the disk leaves the fleet."
            ),
            .defaulted(
                "reuse", \.reuse, .boolean, to: false,
                "Whether a retained volume of this identity may be taken up again."),
            .optional("path", \.path, .observed, stage: .placed, "Where the volume is."),
        ], reserved: ["cdrom", "snapshot", "cache", "io", "iops", "serial"], together: Volume.originTogether + together
    ) { _, decoding, node in decoding.checkDisk(node) }

    /// The form of an item of `spec.disks`.
    static let form = record.form.converted(
        to: { written, _, _ in written.disk }, from: { Written($0) },
        varied: { $0.isDeclared ? $0.disk : nil })

    static let title = record.title
}

extension Decoding {
    /// The fields that declare a volume.
    fileprivate static let declaring = ["pool", "size", "image", "from", "clone", "format", "deletion", "reuse"]

    fileprivate func checkDisk(_ node: Int) {
        refuseRepeatedOrigin(in: node)
        guard mode == .manifest else { return }
        if tree.value(of: "volume", in: node) != nil {
            for name in Self.declaring {
                guard let other = tree.value(of: name, in: node) else { continue }
                fail(
                    other, "conflict", "a disk with a volume has no \(name) of its own",
                    help: "say it at the Volume, or leave volume out")
            }
            return
        }
        let missing = ["pool", "size"].filter { tree.value(of: $0, in: node) == nil }
        guard !missing.isEmpty else { return }
        fail(
            node, "missing-field", "a disk needs \(missing.joined(separator: " and "))",
            help: "write pool and size, or volume: the name of a Volume")
    }
}
