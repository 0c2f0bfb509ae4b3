import Model

/// Where checks tell what they find.
struct CheckReport {
    let sources: SourceIndex
    private(set) var findings: Findings

    init(sources: SourceIndex, findings: Findings) {
        self.sources = sources
        self.findings = findings
    }

    /// Reports a field of a resource.
    mutating func error(
        _ resource: ResourceID, _ field: String, _ code: String, _ message: String, help: String? = nil
    ) {
        findings.add(
            Diagnostic(
                code: code, "\(field): \(message)", help: help,
                position: sources.position(of: resource, field: field), resource: resource, field: field))
    }

    /// Reports a document, or the whole.
    mutating func error(_ place: SourceIndex.Place?, _ code: String, _ message: String, help: String? = nil) {
        findings.add(
            Diagnostic(code: code, message, help: help, position: place.flatMap { sources.position($0, field: "") }))
    }
}
