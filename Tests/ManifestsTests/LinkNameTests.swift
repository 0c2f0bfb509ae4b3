import Foundation
import Model
import TestSupport
import Testing

@testable import Manifests

@Suite struct LinkNameTests {
    /// Two names whose hashes meet are not to be found, so the names are made to meet.
    @Test func twoNetworksWithOneLinkNameAreTold() {
        let text = ManifestDocument.write(GeneratedFleet.random(seed: 2, machines: 1))
        let loading = Loading([SourceFile(path: "x.yaml", text: text)])
        let sources = SourceIndex(paths: ["x.yaml"], sources: loading.sources, places: loading.register.places)
        var report = CheckReport(sources: sources, findings: Findings())
        let fleet = CheckedFleet(loading, &report)
        CheckedFleet.checkLinkNames(fleet, &report) { $0.metadata.identity }
        #expect(report.findings.all.isEmpty)
        CheckedFleet.checkLinkNames(fleet, &report) { _ in "ib0123456789a" }
        #expect(report.findings.all.map(\.code) == ["link-name", "link-name"])
        #expect(report.findings.all.allSatisfy { $0.position?.file == "x.yaml" })
    }
}
