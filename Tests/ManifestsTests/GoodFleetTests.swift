import Foundation
import Manifests
import Model
import TestSupport
import Testing

@Suite struct GoodFleetTests {
    @Test(arguments: 0..<60)
    func aRandomFleetReadsBackAsItWas(_ seed: UInt64) throws {
        let fleet = GeneratedFleet.random(seed: seed, machines: Int(seed % 12) + 1)
        let text = ManifestDocument.write(fleet)
        let result = ManifestReader.read([SourceFile(path: "fleet.yaml", text: text)])
        #expect(result.diagnostics.isEmpty, "seed \(seed): \(result.diagnostics)\n\(text)")
        let manifest = try #require(result.loaded?.manifest)
        let isSame = manifest == fleet
        #expect(isSame, "seed \(seed): \(ManifestDocument.write(manifest)) was \(text)")
    }

    @Test func theLargeFleetIsValid() throws {
        let result = ManifestReader.read([
            SourceFile(path: "fleet.yaml", text: GeneratedFleet.manifestText(machines: 300))
        ])
        #expect(result.diagnostics.isEmpty)
        #expect(try #require(result.loaded).manifest.machines.count == 300)
    }
}
