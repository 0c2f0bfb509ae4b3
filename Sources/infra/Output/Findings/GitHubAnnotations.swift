import Model

/// Findings as workflow commands, which GitHub and Gitea show beside the lines of a change
/// (GitHub Docs, "Workflow commands for GitHub Actions").
enum GitHubAnnotations {
    static func text(_ fleets: [ValidatedFleet]) -> String {
        let root = SourceRoot()
        var text = ""
        for fleet in fleets {
            var places = FindingPlaces(fleet)
            for diagnostic in fleet.diagnostics { text += line(diagnostic, places.place(of: diagnostic), root) + "\n" }
        }
        return text + FindingText.total(fleets)
    }

    private static func line(_ diagnostic: Diagnostic, _ place: FindingPlaces.Place, _ root: SourceRoot) -> String {
        var properties = [
            ("file", root.relative(place.path) ?? place.path), ("line", String(place.line)),
            ("col", String(place.column)),
        ]
        if let end = place.endColumn {
            properties += [("endLine", String(place.line)), ("endColumn", String(end))]
        }
        properties.append(("title", diagnostic.code))
        let written = properties.map { "\($0.0)=\(property($0.1))" }.joined(separator: ",")
        let message = diagnostic.message + (diagnostic.help.map { "; \($0)" } ?? "")
        return "::\(command(diagnostic.severity)) \(written)::\(data(message))"
    }

    private static func command(_ severity: Diagnostic.Severity) -> String {
        switch severity {
        case .error: "error"
        case .warning: "warning"
        case .note: "notice"
        }
    }

    /// A runner ends a command at the end of the line, and takes these three back.
    private static func data(_ text: String) -> String {
        text.unicodeScalars.reduce(into: "") { result, scalar in
            switch scalar {
            case "%": result += "%25"
            case "\r": result += "%0D"
            case "\n": result += "%0A"
            default: result.unicodeScalars.append(scalar)
            }
        }
    }

    private static func property(_ text: String) -> String {
        data(text).replacing(":", with: "%3A").replacing(",", with: "%2C")
    }
}
