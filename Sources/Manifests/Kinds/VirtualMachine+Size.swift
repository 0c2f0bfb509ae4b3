import Model

/// Processors and memory, each with a short form.
extension VirtualMachine {
    private struct WrittenCPU {
        var count = 0
        var max: Int?
    }

    private static let processors = Form<Int>.integer(1...288, code: "cpu-count")

    static let cpuGrammar: Form<CPU> = longCPU.or(
        short: processors, from: { CPU(count: $0) }, to: { $0.max == $0.count ? $0.count : nil })

    private static let longCPU: Form<CPU> = cpuRecord.form.converted(
        to: { written, _, _ in CPU(count: written.count, max: written.max) },
        from: { WrittenCPU(count: $0.count, max: $0.max == $0.count ? nil : $0.max) },
        varied: { CPU(count: $0.count, max: $0.max) })

    private static let cpuRecord = Record(
        "an amount of processors", WrittenCPU(),
        [
            .required("count", \.count, processors, "How many at start."),
            .optional(
                "max", \.max, processors, sample: 288, "How many there can be without a restart; as many if left out."),
        ], reserved: ["shares", "limit", "sockets", "cores", "threads", "model", "pin"]
    ) { written, decoding, node in
        guard decoding.mode == .manifest, let max = written.max, max < written.count else { return }
        decoding.fail(
            decoding.tree.value(of: "max", in: node) ?? node, "cpu-count", "\(max) is less than count",
            help: "write at least \(written.count)")
    }

    private struct WrittenMemory {
        var size = ByteCount(0)
        var max: ByteCount?
    }

    private static let amount = Form<ByteCount>.size(
        ByteCount.mebibytes(16)...ByteCount(16 << 40), multipleOf: .mebibytes(1))

    static let memoryGrammar: Form<Memory> = longMemory.or(
        short: amount, from: { Memory(size: $0) }, to: { $0.max == $0.size ? $0.size : nil })

    private static let longMemory: Form<Memory> = memoryRecord.form.converted(
        to: { written, _, _ in Memory(size: written.size, max: written.max) },
        from: { WrittenMemory(size: $0.size, max: $0.max == $0.size ? nil : $0.max) },
        varied: { Memory(size: $0.size, max: $0.max) })

    private static let memoryRecord = Record(
        "an amount of memory", WrittenMemory(),
        [
            .required("size", \.size, amount, "How much the guest has."),
            .optional(
                "max", \.max, amount, sample: ByteCount(16 << 40),
                "How much it can have without a restart; as much if left out."),
        ], reserved: ["hugepages", "shared", "numa"]
    ) { written, decoding, node in
        guard decoding.mode == .manifest, let max = written.max, max < written.size else { return }
        decoding.fail(
            decoding.tree.value(of: "max", in: node) ?? node, "size", "\(max) is less than size",
            help: "write at least \(written.size)")
    }
}
