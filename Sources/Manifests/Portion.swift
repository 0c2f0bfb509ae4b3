import Dispatch
import Synchronization

/// Neighbouring documents, of one file or of several. No document needs another to be read, so that many are read by
/// all processors; what a portion holds is put together in the order in which it was written.
struct Portion: Sendable {
    /// Documents of one file.
    struct Part: Sendable {
        /// Which of the files.
        var file: Int
        /// Which of the markers of its text.
        var markers: Range<Int>
    }

    /// As much text as is worth a thread, in bytes.
    static let size = 1 << 17

    private(set) var parts: [Part] = []

    /// Everything, as one portion.
    init(all sources: [SourceText]) {
        parts = sources.indices.map { Part(file: $0, markers: sources[$0].markers.indices) }
    }

    private init() {}

    /// Everything, in portions of about that size; one at least.
    static func divide(_ sources: [SourceText], size: Int = Self.size) -> [Portion] {
        var portions = [Portion()]
        var bytes = 0
        for (file, source) in sources.enumerated() {
            var first = 0
            for marker in source.markers.indices {
                bytes += source.part(marker).count
                guard bytes >= size else { continue }
                portions[portions.count - 1].parts.append(Part(file: file, markers: first..<marker + 1))
                portions.append(Portion())
                (first, bytes) = (marker + 1, 0)
            }
            if first < source.markers.count {
                portions[portions.count - 1].parts.append(Part(file: file, markers: first..<source.markers.count))
            }
        }
        return portions.count > 1 ? portions.filter { !$0.parts.isEmpty } : portions
    }

    /// Reads each portion, several at the same time; what came of them is in their order.
    static func read<Result: Sendable>(_ portions: [Portion], _ read: @Sendable (Portion) -> Result) -> [Result] {
        if portions.count == 1 { return portions.map(read) }
        let results = Mutex([Int: Result]())
        DispatchQueue.concurrentPerform(iterations: portions.count) { index in
            let result = read(portions[index])
            results.withLock { $0[index] = result }
        }
        return results.withLock { all in portions.indices.compactMap { all[$0] } }
    }
}
