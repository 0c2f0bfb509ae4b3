import Model
import Testing
@testable import Planning

/// Machines are taken in parts at the same time where a host has many.
@Suite struct ExpectationTests {
    @Test(arguments: PlanningProperties.seeds) func partsGiveWhatTheWholeGives(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var manifest = RandomFleet.make(&random, generation: 0)
        // An image whose digest is not known makes what needs it impossible, in several parts.
        if seed.isMultiple(of: 3), !manifest.images.isEmpty { manifest.images[0].spec.sha256 = nil }
        let (lookup, host) = (Lookup(manifest), try #require(manifest.hosts.first))
        let expectations = [Int.max, 1, 2].map { part in
            Expectation(
                manifest: lookup, host: host, machines: manifest.machines, standalone: manifest.volumes,
                observed: HostInventory(host: host), peers: [:], speakers: [],
                identity: Identity(fleet: manifest.fleet.uuid), part: part)
        }
        for other in expectations.dropFirst() {
            #expect(other.inventory == expectations[0].inventory)
            #expect(other.seeds == expectations[0].seeds)
            #expect(other.impossible == expectations[0].impossible)
            #expect(other.filtered == expectations[0].filtered)
            #expect(other.acceleratorChoices == expectations[0].acceleratorChoices)
        }
    }
}
