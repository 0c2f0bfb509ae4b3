import Model

extension Bandwidth {
    static let grammar = Record(
        "a bandwidth", Bandwidth(),
        [
            .optional("inbound", \.inbound, limit.form, sample: sample, "Of what the guest receives."),
            .optional("outbound", \.outbound, limit.form, sample: sample, "Of what the guest sends."),
        ])

    private static let sample = Limit(average: BitRate(kilobytes: 2500))

    private static let limit = Record(
        "limits of one direction", Limit(average: BitRate(kilobytes: 0)),
        [
            .required("average", \.average, .bitRate, "What it may be over time, bits a second."),
            .optional(
                "peak", \.peak, .bitRate, sample: BitRate(kilobytes: 5000),
                "What it may be in a burst, bits a second; as much as the average if left out."),
            .optional(
                "burst", \.burst, .size(ByteCount(1 << 10)...ByteCount(1 << 40), multipleOf: ByteCount(1 << 10)),
                sample: .mebibytes(1), "How long a burst is."),
        ], reserved: ["floor"]
    ) { limit, decoding, node in
        guard decoding.mode == .manifest, let peak = limit.peak, peak < limit.average else { return }
        decoding.fail(
            decoding.tree.value(of: "peak", in: node) ?? node, "size", "\(peak) is less than average",
            help: "write at least \(limit.average)")
    }
}

extension Form where Value == BitRate {
    /// Bits a second.
    static let bitRate = usual(
        "a rate", accepted: "write bits a second with kbit, Mbit or Gbit, a multiple of 8kbit, such as 100Mbit",
        pattern: "^[0-9]{1,7}(kbit|Mbit|Gbit)$", samples: ["80Mbit", "88Mbit"])
}
