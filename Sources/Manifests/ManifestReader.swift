public import Model

/// A fleet that is valid, with where everything in it was written.
public struct LoadedFleet: Sendable {
    /// What the manifests want. References hold identities, lists are sorted.
    public let manifest: FleetManifest
    /// Where it is written.
    public let sources: SourceIndex
}

/// What came of reading manifests.
public struct ManifestResult: Sendable {
    /// The fleet; nil if and only if there is an error among the diagnostics.
    public let loaded: LoadedFleet?
    /// All that is to be told, by file, line and column.
    public let diagnostics: [Diagnostic]
}

/// Reads a whole fleet from its manifests.
public enum ManifestReader {
    /// Reads all files, checks all of it, and tells every problem at once.
    public static func read(_ files: [SourceFile]) -> ManifestResult {
        let loading = Loading(files)
        var places = loading.register.places
        if let fleet = loading.fleets.first, let place = loading.fleetPlaces.first {
            places[ResourceKind.fleet.rank] = [fleet.metadata.identity: place]
        }
        let sources = SourceIndex(
            paths: files.map(\.printedPath), sources: loading.sources, places: places)
        var report = CheckReport(sources: sources, findings: loading.findings)
        let fleet = CheckedFleet(loading, &report)
        for check in CheckedFleet.checks { check(fleet, &report) }
        let diagnostics = report.findings.sorted
        guard report.findings.errors == 0, let manifest = fleet.manifest else {
            return ManifestResult(loaded: nil, diagnostics: diagnostics)
        }
        return ManifestResult(loaded: LoadedFleet(manifest: manifest, sources: sources), diagnostics: diagnostics)
    }
}
