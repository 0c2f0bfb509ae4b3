import Model

/// Findings as one JSON document.
struct FindingJSON: Encodable {
    /// A fleet, by its path.
    struct Fleet: Encodable {
        var path: String
        var valid: Bool
        var name: String?
        var resources: Int?
    }

    /// A diagnostic, and the path of the fleet it is about.
    struct Finding: Encodable {
        var diagnostic: Diagnostic
        var fleet: String

        private enum Key: CodingKey { case fleet }

        func encode(to encoder: any Encoder) throws {
            try diagnostic.encode(to: encoder)
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(fleet, forKey: .fleet)
        }
    }

    var diagnostics: [Finding]
    var fleets: [Fleet]

    init(_ all: [ValidatedFleet]) {
        diagnostics = all.flatMap { fleet in
            fleet.diagnostics.map { Finding(diagnostic: $0, fleet: fleet.path) }
        }
        fleets = all.map { fleet in
            Fleet(
                path: fleet.path, valid: fleet.manifest != nil, name: fleet.manifest?.fleet.metadata.name,
                resources: fleet.manifest.map(ValidatedFleet.resources))
        }
    }
}
