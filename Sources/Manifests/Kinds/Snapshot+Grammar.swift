import Model

extension Snapshot {
    static let grammar = Document.grammar(
        .snapshot, "a Snapshot", Snapshot(metadata: Metadata(name: ""), spec: Spec()),
        [
            .required("metadata", \.metadata, Metadata.grammar.form, "Name, identity and labels."),
            .required("spec", \.spec, specGrammar.form, "What it is of, how often it is taken, what stays."),
        ])

    private static let specGrammar = Record(
        "a Snapshot's spec", Spec(),
        [
            .optional(
                "machine", \.machine, .name, "The VirtualMachine that it is of: all its disks, of one moment."),
            .optional("volume", \.volume, .volumeName, "The Volume that it is of, or <machine>.<disk>."),
            .optional(
                "pool", \.pool, .name, sample: "other",
                "The StoragePool it lies in; each disk in its own pool if left out."),
            .defaulted("keep", \.keep, .integer(1...1000), to: 1, "How many of those that were taken stay."),
            .optional(
                "schedule", \.schedule, scheduleForm, sample: .every(seconds: 43_200),
                "When it is taken anew; once and never again if left out."),
            .defaulted(
                "deletion", \.deletion, .word(), to: .retain,
                "What becomes of the data when the snapshot leaves the fleet."),
            .defaulted(
                "reuse", \.reuse, .boolean, to: false,
                "Whether what was kept of it when it left the fleet may be taken up again."),
        ],
        together: [
            ("oneOf", .array(["machine", "volume"].map { .members([("required", .array([.string($0)]))]) })),
            ("dependentRequired", .members([("keep", .array([.string("schedule")]))])),
        ]
    ) { spec, decoding, node in
        if spec.machine == nil, spec.volume == nil {
            decoding.fail(
                node, "missing-field", "a Snapshot's spec needs machine or volume",
                help: "write machine: all disks of that VirtualMachine, or volume: that one")
        } else if spec.machine != nil, let volume = decoding.tree.value(of: "volume", in: node) {
            decoding.fail(volume, "conflict", "a snapshot is of a machine or of a volume", help: "keep one of them")
        }
        if spec.schedule == nil, let keep = decoding.tree.value(of: "keep", in: node) {
            decoding.fail(
                keep, "missing-field", "without schedule it is taken once, and keep counts nothing",
                help: "write schedule: {every: 24h} or {daily: \"02:00\"}, or leave keep out")
        }
    }

    /// The ways to say when, as they are written: one of several fields.
    private struct Written {
        var every: Int?
        var daily: Int?

        init(_ schedule: Schedule? = nil) {
            switch schedule {
            case .every(let seconds): every = seconds
            case .daily(let minute): daily = minute
            case nil: break
            }
        }

        var schedule: Schedule? {
            every.map { .every(seconds: $0) } ?? daily.map { .daily(minute: $0) }
        }
    }

    private static let scheduleForm = Record(
        "a schedule", Written(),
        [
            .optional("every", \.every, interval, "When the last one is that old: 30m, 12h, 7d."),
            .optional("daily", \.daily, timeOfDay, "At that time of each day, in UTC."),
        ],
        together: [
            ("oneOf", .array(["every", "daily"].map { .members([("required", .array([.string($0)]))]) }))
        ]
    ) { written, decoding, node in
        if written.schedule == nil {
            decoding.fail(
                node, "missing-field", "a schedule needs every or daily",
                help: "write every: 24h, or daily: \"02:00\" in UTC")
        } else if written.every != nil, let daily = decoding.tree.value(of: "daily", in: node) {
            decoding.fail(daily, "conflict", "a schedule has an interval or a time of day", help: "keep one of them")
        }
    }.form.converted(to: { written, _, _ in written.schedule }, from: { Written($0) }, varied: \.schedule)

    private static let units: [(letter: String, seconds: Int, digits: Int)] = [
        ("d", 86_400, 3), ("h", 3600, 4), ("m", 60, 5),
    ]

    /// A length of time, in seconds.
    static let interval = Form<Int>.text(
        "an interval", accepted: "write a whole number with m, h or d, from 5m to 999d, such as 24h",
        pattern: "^([5-9]m|[1-9][0-9]{1,4}m|[1-9][0-9]{0,3}h|[1-9][0-9]{0,2}d)$", samples: [21_600, 25_200],
        parse: { text in
            guard let unit = units.first(where: { text.hasSuffix($0.letter) }),
                text.utf8.dropLast().allSatisfy(isDigit),
                !text.hasPrefix("0"), text.utf8.count <= unit.digits + 1, let count = Int(text.dropLast()),
                count * unit.seconds >= 300
            else { return nil }
            return count * unit.seconds
        },
        print: { seconds in
            let unit = units.first { seconds % $0.seconds == 0 }
            return unit.map { "\(seconds / $0.seconds)\($0.letter)" } ?? "\(seconds / 60)m"
        })

    private static let timeOfDay = Form<Int>.text(
        "a time of day", accepted: "write hours and minutes in UTC, such as 02:00",
        pattern: "^([01][0-9]|2[0-3]):[0-5][0-9]$", samples: [210, 270],
        parse: { text in
            let parts = text.split(separator: ":", omittingEmptySubsequences: false)
            guard text.utf8.count == 5, parts.count == 2, parts.allSatisfy({ $0.utf8.allSatisfy(isDigit) }),
                let hour = Int(parts[0]), let minute = Int(parts[1]), hour < 24, minute < 60, parts[0].utf8.count == 2
            else { return nil }
            return hour * 60 + minute
        },
        print: { minute in
            [minute / 60, minute % 60].map { ($0 < 10 ? "0" : "") + String($0) }.joined(separator: ":")
        })

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }
}

extension Form where Value == Moment {
    /// Which of the times that a snapshot was taken.
    static let moment = text(
        "a moment", accepted: "write \(Moment.acceptedForm)",
        pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$",
        samples: [Moment(seconds: 1_796_004_000), Moment(seconds: 1_796_007_600)],
        parse: { text in Moment(text).flatMap { $0.description == text ? $0 : nil } }, print: \.description)
}
