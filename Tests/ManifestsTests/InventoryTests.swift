import Foundation
import Manifests
import Model
import TestSupport
import Testing

@Suite struct InventoryTests {
    @Test(arguments: 0..<80)
    func anInventoryReadsBackAsItWas(_ seed: UInt64) throws {
        let fleet = GeneratedFleet.random(seed: seed, machines: Int(seed % 7))
        let hosts = GeneratedFleet.inventories(seed: seed, of: fleet)
        let text = InventoryDocument.write(hosts, fleet: fleet.fleet)
        do {
            let read = try InventoryDocument.read(SourceFile(path: "inventory.yaml", text: text))
            #expect(read.fleet == fleet.fleet)
            let isSame = read.hosts == hosts
            #expect(isSame, "seed \(seed): \(difference(InventoryDocument.write(read.hosts, fleet: read.fleet), text))")
        } catch {
            Issue.record("seed \(seed): \(error.diagnostics.prefix(3))")
        }
    }

    /// The first line that changed on the way.
    private func difference(_ after: String, _ before: String) -> String {
        let lines = zip(after.split(separator: "\n"), before.split(separator: "\n"))
        return lines.first { $0 != $1 }.map { "\($0) was \($1)" } ?? "the same text"
    }

    @Test func aFieldOfPlacementIsNoFieldOfAManifest() throws {
        let fleet = GeneratedFleet.random(seed: 1, machines: 2)
        let text = InventoryDocument.write(GeneratedFleet.inventories(seed: 1, of: fleet), fleet: fleet.fleet)
        let result = ManifestReader.read([SourceFile(path: "inventory.yaml", text: text)])
        #expect(result.loaded == nil)
    }

    @Test(arguments: [
        ("", "no-fleet"), ("kind: Fleet\n", "missing-field"),
        ("apiVersion: infra/v1\nkind: Volume\nmetadata: {name: v}\nspec: {pool: p, size: 1GiB}\n", "no-host"),
    ])
    func somethingElseIsNoInventory(_ text: String, _ code: String) {
        #expect {
            try InventoryDocument.read(SourceFile(path: "x", text: text))
        } throws: { error in
            (error as? InventoryError)?.diagnostics.contains { $0.code == code } == true
        }
    }
}
