import Model

/// Diagnostics as they come in, up to a number that a person could still read.
struct Findings {
    static let limit = 1000

    private(set) var all: [Diagnostic] = []
    private(set) var errors = 0
    private var isFull = false

    mutating func add(_ diagnostic: Diagnostic) {
        if diagnostic.severity == .error { errors += 1 }
        if all.count < Self.limit { all.append(diagnostic) } else { close() }
    }

    /// Counts an error that would not be listed any more; false when it would be.
    mutating func skipsError() -> Bool {
        guard all.count >= Self.limit else { return false }
        errors += 1
        close()
        return true
    }

    private mutating func close() {
        if !isFull {
            isFull = true
            all.append(Diagnostic(code: "too-many", "more than \(Self.limit) problems; the rest is not listed"))
        }
    }

    /// By file, line and column; what has no place comes last.
    var sorted: [Diagnostic] {
        all.enumerated().sorted { left, right in
            guard let one = left.element.position, let other = right.element.position else {
                return left.element.position != nil
                    || right.element.position == nil && left.offset < right.offset
            }
            return (one.file, one.line, one.column, left.offset) < (other.file, other.line, other.column, right.offset)
        }.map(\.element)
    }
}
