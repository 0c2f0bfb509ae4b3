import Model

/// Walks over the documents of files and hands each, as a tree, to whoever knows its kinds.
struct Reading {
    let decoding: Decoding
    /// Whether a document could not even be told by kind and name, so that something may seem to be missing that is not.
    private(set) var hasUnknownDocuments = false

    init(_ mode: Decoding.Mode) { decoding = Decoding(mode) }

    /// Reads documents of a file; `take` finds each of a known kind in the tree.
    mutating func read(
        _ file: SourceFile, _ source: SourceText, _ markers: Range<Int>, _ take: (ResourceKind) -> Void
    ) {
        decoding.begin(file.printedPath, source)
        decoding.resource = nil
        if let problem = source.problem {
            decoding.report(problem)
            hasUnknownDocuments = true
            return
        }
        var marker = markers.lowerBound
        while marker < markers.upperBound {
            marker = readDocuments(source, marker..<markers.upperBound, take)
        }
    }

    /// Reads documents until one that is no YAML; returns the marker after it.
    private mutating func readDocuments(
        _ source: SourceText, _ markers: Range<Int>, _ take: (ResourceKind) -> Void
    ) -> Int {
        let start = source.markers[markers.lowerBound]
        let text = start.offset..<source.part(markers.upperBound - 1).upperBound
        return source.bytes.withUnsafeBufferPointer { bytes in
            var events = YAMLEvents(UnsafeBufferPointer(rebasing: bytes[text]), firstLine: start.line)
            var last = markers.lowerBound
            while true {
                decoding.resource = nil
                switch events.next(into: &decoding.tree) {
                case .end: return markers.upperBound
                case .unreadable(let problem):
                    for refusal in events.refusals { decoding.report(refusal) }
                    decoding.report(problem)
                    hasUnknownDocuments = true
                    let next = source.marker(atOrBefore: problem.line)
                    return next > last && source.markers[next].line == problem.line ? next : max(next, last) + 1
                case .document:
                    if let first = decoding.tree.nodes.first { last = source.marker(atOrBefore: Int(first.line)) }
                    for refusal in events.refusals { decoding.report(refusal) }
                    if let kind = kind() { take(kind) }
                }
            }
        }
    }

    private mutating func kind() -> ResourceKind? {
        let tree = decoding.tree
        guard !tree.nodes.isEmpty, !tree.isNull(0) else { return nil }
        guard tree.kind(0) == .mapping else {
            hasUnknownDocuments = true
            decoding.fail(
                0, "not-a-resource", "\(decoding.described(0)) is not a resource",
                help: "write apiVersion: \(Document.version), kind, metadata and spec")
            return nil
        }
        guard let version = tree.value(of: "apiVersion", in: 0) else {
            return missing("apiVersion", "apiVersion: \(Document.version)")
        }
        guard decoding.text(version) == Document.version else {
            hasUnknownDocuments = true
            decoding.fail(
                version, "api-version", "\(decoding.described(version)) is not a version of this grammar",
                help: "write \(Document.version)")
            return nil
        }
        let kinds = ResourceKind.allCases.map(\.rawValue)
        guard let kind = tree.value(of: "kind", in: 0) else {
            return missing("kind", "kind: \(Wording.alternatives(kinds))")
        }
        guard let known = decoding.text(kind).flatMap({ ResourceKind(rawValue: $0) }) else {
            hasUnknownDocuments = true
            let guess = decoding.text(kind).flatMap { Spelling.nearest(to: $0, in: kinds) }
            decoding.fail(
                kind, "unknown-kind", "\(decoding.described(kind)) is not a kind of resource",
                help: (guess.map { "did you mean \($0)? " } ?? "") + "write \(Wording.alternatives(kinds))")
            return nil
        }
        return known
    }

    private mutating func missing(_ field: String, _ help: String) -> ResourceKind? {
        hasUnknownDocuments = true
        decoding.fail(0, "missing-field", "a resource needs \(field)", help: help)
        return nil
    }
}
