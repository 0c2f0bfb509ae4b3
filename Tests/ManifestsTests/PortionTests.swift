import Foundation
import Model
import TestSupport
import Testing

@testable import Manifests

/// What is read in portions is what one reading finds, whatever the portions are.
@Suite struct PortionTests {
    private static func text(_ seed: UInt64) -> String {
        ManifestDocument.write(GeneratedFleet.random(seed: seed, machines: 5))
    }

    private func expectTheSame(_ files: [SourceFile], portion: Int, _ title: String) {
        let whole = Loading(files, portion: .max)
        let read = Loading(files, portion: portion)
        #expect(read.findings.sorted == whole.findings.sorted, "\(title)")
        #expect(read.register.places == whole.register.places, "\(title)")
        #expect(read.register.isPartial == whole.register.isPartial, "\(title)")
        #expect(read.fleetPlaces == whole.fleetPlaces && read.fleets == whole.fleets, "\(title)")
        #expect(read.hosts == whole.hosts && read.pools == whole.pools && read.images == whole.images, "\(title)")
        #expect(read.networks == whole.networks && read.volumes == whole.volumes, "\(title)")
        #expect(read.machines == whole.machines, "\(title)")
    }

    @Test(arguments: [1, 300, 2000])
    func oneFile(_ portion: Int) {
        for seed in UInt64(0)..<20 {
            let file = SourceFile(path: "fleet.yaml", text: Self.text(seed))
            #expect(Portion.divide([SourceText(file.bytes)], size: portion).count > 1)
            expectTheSame([file], portion: portion, "seed \(seed)")
        }
    }

    /// Each document in a file of its own, or a few of them.
    @Test(arguments: [1, 300, 2000])
    func manyFiles(_ portion: Int) {
        for seed in UInt64(0)..<20 {
            let documents = Self.text(seed).split(separator: "---\n")
            let files = documents.enumerated().map { SourceFile(path: "\($0).yaml", text: String($1)) }
            expectTheSame(files, portion: portion, "seed \(seed)")
        }
    }

    @Test(arguments: BrokenCaseTests.cases)
    func whatIsWrongIsToldAlike(_ name: String) throws {
        let folder = BrokenCaseTests.folder.appending(path: name).appending(path: "manifests")
        guard let files = try? ManifestFolder.read(folder.path) else { return }
        for portion in [1, 100] { expectTheSame(files, portion: portion, name) }
    }

    /// The same name in two portions, or a document that is cut off by the next one.
    @Test func whatLiesInTwoPortions() {
        let text = Self.text(3)
        for other in [text + "---\n" + text, text + "---\n{a: 1\n---\n" + text, text + "---\n'\n---\n'\n"] {
            expectTheSame([SourceFile(path: "fleet.yaml", text: other)], portion: 1, other)
        }
    }

    @Test(arguments: [1, 700, 4000])
    func anInventory(_ portion: Int) throws {
        for seed in UInt64(0)..<20 {
            let fleet = GeneratedFleet.random(seed: seed, machines: 6)
            let hosts = GeneratedFleet.inventories(seed: seed, of: fleet)
            let text = InventoryDocument.write(hosts, fleet: fleet.fleet)
            let read = try InventoryDocument.read(SourceFile(path: "inventory.yaml", text: text), portion: portion)
            let isSame = read.fleet == fleet.fleet && read.hosts == hosts
            #expect(isSame, "seed \(seed)")
        }
    }

    @Test func aWrongInventoryIsToldAlike() throws {
        let fleet = GeneratedFleet.random(seed: 5, machines: 6)
        let hosts = GeneratedFleet.inventories(seed: 5, of: fleet)
        let text = InventoryDocument.write(hosts, fleet: fleet.fleet)
        let host = text.split(separator: "---\n")[1]
        for other in [
            text + "---\n" + text, text + "---\n" + host, text.replacing("---\n\(host)", with: ""),
            text.replacing("status: {host: ", with: "status: {host: other-"), text.replacing("size: ", with: "sise: "),
        ] {
            let file = SourceFile(path: "inventory.yaml", text: other)
            let told = [1, .max].map { self.told(file, portion: $0) }
            #expect(told[0] == told[1])
        }
    }

    private func told(_ file: SourceFile, portion: Int) -> String {
        do throws(InventoryError) {
            return "\(try InventoryDocument.read(file, portion: portion).hosts.count) hosts"
        } catch {
            return error.diagnostics.map(\.description).joined(separator: "\n")
        }
    }
}
