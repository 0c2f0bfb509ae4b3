import Model

/// Findings as compilers tell them: messages on standard error, one line a fleet on standard output.
enum FindingText {
    static func write(_ fleets: [ValidatedFleet]) {
        for fleet in fleets {
            for diagnostic in fleet.diagnostics { Console.error(line(diagnostic, fleet, among: fleets.count)) }
            if let summary = fleet.summary {
                Console.output(fleets.count == 1 ? "Valid: \(summary).\n" : "Valid: \(shown(fleet)): \(summary).\n")
            } else if fleets.count > 1 {
                Console.output("Invalid: \(shown(fleet)): \(fleet.errors) error\(fleet.errors == 1 ? "" : "s").\n")
            }
        }
        if fleets.count > 1 { Console.output(total(fleets)) }
    }

    /// `2 of 3 fleets are valid.`
    static func total(_ fleets: [ValidatedFleet]) -> String {
        let valid = fleets.count { $0.manifest != nil }
        return "\(valid) of \(fleets.count) fleet\(fleets.count == 1 ? "" : "s") valid.\n"
    }

    /// What has no place in a file is told with the fleet it is about, where there are several.
    private static func line(_ diagnostic: Diagnostic, _ fleet: ValidatedFleet, among count: Int) -> String {
        count > 1 && diagnostic.position == nil ? "\(shown(fleet)): \(diagnostic)" : "\(diagnostic)"
    }

    private static func shown(_ fleet: ValidatedFleet) -> String { TerminalText.safe(fleet.path) }
}
