import Manifests
import Model

/// Findings as JUnit XML, as CI servers read it: a test case for each file, and one for what is wrong with a fleet as a
/// whole.
enum JUnitReport {
    static func text(_ fleets: [ValidatedFleet]) -> String {
        let root = SourceRoot()
        let cases = fleets.flatMap { Self.cases(of: $0, root) }
        let failures = cases.count { $0.findings.contains { $0.severity == .error } }
        let counts = "tests=\"\(cases.count)\" failures=\"\(failures)\" errors=\"0\" skipped=\"0\" time=\"0\""
        var text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        text += "<testsuites name=\"infra validate\" \(counts)>\n"
        text += "  <testsuite name=\"infra validate\" \(counts)>\n"
        for item in cases { text += xml(item) }
        return text + "  </testsuite>\n</testsuites>\n"
    }

    private struct Case {
        var fleet: String
        /// The file; nil for the fleet as a whole.
        var file: String?
        var findings: [Diagnostic]
    }

    private static func cases(of fleet: ValidatedFleet, _ root: SourceRoot) -> [Case] {
        func shown(_ path: String) -> String { root.relative(path) ?? path }
        let byFile = Dictionary(grouping: fleet.diagnostics) { $0.position?.file ?? "" }
        var cases = fleet.files.map {
            Case(fleet: shown(fleet.path), file: shown($0.path), findings: byFile[$0.printedPath] ?? [])
        }
        let read = Set(fleet.files.map(\.printedPath))
        cases += byFile.keys.filter { !read.contains($0) && !$0.isEmpty }.sorted().map {
            Case(fleet: shown(fleet.path), file: shown($0), findings: byFile[$0] ?? [])
        }
        if let whole = byFile[""] { cases.append(Case(fleet: shown(fleet.path), findings: whole)) }
        return cases
    }

    private static func xml(_ item: Case) -> String {
        let name = item.file ?? "the whole fleet"
        var open = "    <testcase classname=\"\(escaped(item.fleet))\" name=\"\(escaped(name))\""
        if let file = item.file { open += " file=\"\(escaped(file))\"" }
        open += " time=\"0\""
        guard !item.findings.isEmpty else { return open + "/>\n" }
        var text = open + ">\n"
        let errors = item.findings.filter { $0.severity == .error }
        if let first = errors.first {
            let more = errors.count > 1 ? ", and \(errors.count - 1) more" : ""
            text += "      <failure type=\"\(escaped(first.code))\" message=\"\(escaped(first.message + more))\">"
            text += errors.map { escaped("\($0)") }.joined(separator: "\n") + "</failure>\n"
        }
        let others = item.findings.filter { $0.severity != .error }
        if !others.isEmpty {
            text += "      <system-out>" + others.map { escaped("\($0)") }.joined(separator: "\n") + "</system-out>\n"
        }
        return text + "    </testcase>\n"
    }

    /// Text for XML 1.0, whose characters are fewer than Unicode's (section 2.2).
    private static func escaped(_ text: String) -> String {
        TerminalText.safe(text).unicodeScalars.reduce(into: "") { result, scalar in
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "\u{fffe}", "\u{ffff}": result += "\\u{\(String(scalar.value, radix: 16))}"
            default: result.unicodeScalars.append(scalar)
            }
        }
    }
}
