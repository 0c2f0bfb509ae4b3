import Model

/// Where checks tell what they find.
struct CheckReport {
    let sources: SourceIndex
    private(set) var findings: Findings
    /// The document that was asked about last, since findings come in bunches.
    private var last: (place: SourceIndex.Place, tree: YAMLTree)?

    init(sources: SourceIndex, findings: Findings) {
        self.sources = sources
        self.findings = findings
    }

    /// Reports a field of a resource.
    mutating func error(
        _ resource: ResourceID, _ field: String, _ code: String, _ message: @autoclosure () -> String,
        help: @autoclosure () -> String? = nil
    ) {
        guard !findings.skipsError() else { return }
        findings.add(
            Diagnostic(
                code: code, "\(field): \(message())", help: help(),
                position: sources.place(of: resource).flatMap { position($0, field) }, resource: resource,
                field: field))
    }

    /// Reports a document, or the whole.
    mutating func error(_ place: SourceIndex.Place?, _ code: String, _ message: String, help: String? = nil) {
        findings.add(Diagnostic(code: code, message, help: help, position: place.flatMap { position($0, "") }))
    }

    private mutating func position(_ place: SourceIndex.Place, _ field: String) -> SourcePosition? {
        let tree = last.flatMap { $0.place == place ? $0.tree : nil } ?? sources.tree(place)
        last = (place, tree)
        return sources.position(field, place, in: tree)
    }
}
