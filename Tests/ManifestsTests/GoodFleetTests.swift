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

    /// The whole grammar of this version, in short and in long forms.
    @Test func theGrammarByExampleIsValid() throws {
        let folder = Lab.repository.appending(path: "Tests/Cases/good/grammar/manifests")
        let result = ManifestReader.read(try ManifestFolder.read(folder.path))
        #expect(result.diagnostics.isEmpty)
        let fleet = try #require(result.loaded?.manifest)
        let machine = try #require(fleet.machines.first { $0.metadata.name == "no" })
        #expect(machine.metadata.identity == "was-no")
        #expect(machine.metadata.labels == ["on": "yes", "version": "1e3"])
        #expect(machine.spec.cpu == VirtualMachine.CPU(count: 2, max: 8))
        #expect(machine.spec.memory == VirtualMachine.Memory(size: .mebibytes(512), max: .gibibytes(1)))
        #expect(machine.spec.boot?.commandLine == "console=ttyS0 <]]>")
        let root = try #require(machine.spec.disks.first)
        #expect(root.volume == nil && root.format == nil)
        let spec = Volume.Spec(
            pool: "disks", size: .gibibytes(3), image: "tiny", clone: .full, format: .raw, deletion: .delete,
            reuse: true)
        #expect(root.declared == spec)
        #expect(machine.spec.cloudInit?.rerun == "010")
        let words: [JSONValue] = [
            .string("no"), .string("on"), .int(10), .string("22:22"), .double(1000), .null, .bool(true),
            .string("true"), .int(31), .int(15), .int(-7), .double(0.5),
        ]
        #expect(machine.spec.cloudInit?.userData.members?.first?.value == .array(words))
        #expect(machine.spec.cloudInit?.userData.members?.last?.value == .string("two\nlines\n"))
        let artist = try #require(fleet.machines.first { $0.metadata.name == "artist" })
        #expect(artist.spec.disks.map(\.name) == ["archive", "root"])
        #expect(artist.spec.disks.first?.volume == "archive")
        let users = try #require(artist.spec.cloudInit?.users)
        #expect(users.first?.password == SecretReference(file: "office/artist-password"))
        #expect(users.last?.password?.age?.hasPrefix("-----BEGIN AGE ENCRYPTED FILE-----\nYWdl") == true)
        #expect(artist.spec.cloudInit?.secretFiles.map(\.permissions) == ["0600", "0440"])
        #expect(fleet.networks.map(\.spec.mtu) == [9000, 1450])
        let text = ManifestDocument.write(fleet)
        let again = ManifestReader.read([SourceFile(path: "again.yaml", text: text)]).loaded?.manifest
        #expect(again == fleet)
    }

    @Test func theLargeFleetIsValid() throws {
        let result = ManifestReader.read([
            SourceFile(path: "fleet.yaml", text: GeneratedFleet.manifestText(machines: 300))
        ])
        #expect(result.diagnostics.isEmpty)
        #expect(try #require(result.loaded).manifest.machines.count == 300)
    }
}
