import Model

extension StoragePool.Autoextend {
    static let grammar = Record(
        "autoextend", StoragePool.Autoextend(threshold: 80, by: 20),
        [
            .required(
                "threshold", \.threshold, share(50...99, "^(5[0-9]|[6-9][0-9])%$"),
                "How full the thin pool is when it is made larger, in percent of its size."),
            .required(
                "by", \.by, share(1...100, "^([1-9][0-9]?|100)%$"),
                "By how much it is made larger then, in percent of its size."),
        ])

    private static func share(_ range: ClosedRange<Int>, _ pattern: String) -> Form<Int> {
        .text(
            "a share", accepted: "write a share from \(range.lowerBound)% to \(range.upperBound)%", pattern: pattern,
            samples: [55, 65],
            parse: { text in
                text.hasSuffix("%")
                    ? Int(text.dropLast()).flatMap { range.contains($0) && "\($0)%" == text ? $0 : nil } : nil
            }, print: { "\($0)%" })
    }
}
