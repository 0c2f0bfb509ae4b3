import Manifests
import Model
import TestSupport
import Testing

@Suite struct SourceIndexTests {
    private static let text = """
        # A comment.
        apiVersion: infra/v1
        kind: Fleet
        metadata: {name: office, id: 6f0a1d52-3c0e-4b3e-9a57-0d3c9b7e5f11}
        ...
        ---
        apiVersion: infra/v1
        kind: Host
        metadata: {name: server-1}
        spec:
          connect: {local: {}}
        --- # the machine
        apiVersion: infra/v1
        kind: VirtualMachine
        metadata: {name: artist, id: painter}
        spec:
          cpu: 2
          memory: {size: 1GiB}
          disks:
            - {name: root, pool: disks, size: 8GiB}
            - name: data
              pool: disks
              size: 9GiB
        ---
        apiVersion: infra/v1
        kind: StoragePool
        metadata: {name: disks}
        spec: {directory: {path: /var/lib/infra/disks}}

        """

    @Test(arguments: [
        ("VirtualMachine/painter", "", 13, 1), ("VirtualMachine/painter", "spec.cpu", 17, 8),
        ("VirtualMachine/painter", "spec.cpu.count", 17, 8), ("VirtualMachine/painter", "spec.memory.size", 18, 18),
        ("VirtualMachine/painter", "spec.memory.max", 18, 11),
        ("VirtualMachine/painter", "spec.disks[root].size", 20, 39),
        ("VirtualMachine/painter", "spec.disks[data].size", 23, 13),
        ("VirtualMachine/painter", "spec.disks[gone].size", 20, 5), ("VirtualMachine/painter", "spec.power", 17, 3),
        ("StoragePool/disks", "spec.directory.path", 28, 26), ("Host/server-1", "spec.underlay.address", 11, 3),
        ("Fleet/6f0a1d52-3c0e-4b3e-9a57-0d3c9b7e5f11", "metadata.name", 4, 18),
    ])
    func everyFieldHasAPlace(_ resource: String, _ field: String, _ line: Int, _ column: Int) throws {
        let result = ManifestReader.read([SourceFile(path: "all.yaml", text: Self.text)])
        #expect(result.diagnostics.isEmpty)
        let sources = try #require(result.loaded).sources
        let id = try #require(ResourceID(resource))
        #expect(sources.position(of: id, field: field) == SourcePosition(file: "all.yaml", line: line, column: column))
    }

    @Test func whatIsNotThereHasNone() throws {
        let result = ManifestReader.read([SourceFile(path: "all.yaml", text: Self.text)])
        let sources = try #require(result.loaded).sources
        #expect(sources.position(of: ResourceID(.virtualMachine, "artist"), field: "spec") == nil)
    }

    @Test func aReferenceBecomesAnIdentity() throws {
        let text = Self.text.replacing("metadata: {name: disks}", with: "metadata: {name: disks, id: old-disks}")
        let result = ManifestReader.read([SourceFile(path: "all.yaml", text: text)])
        let machine = try #require(result.loaded?.manifest.machines.first)
        #expect(machine.metadata.identity == "painter")
        #expect(machine.spec.disks.map(\.name) == ["data", "root"])
        #expect(machine.spec.disks.allSatisfy { $0.declared?.pool == "old-disks" && $0.volume == nil })
    }
}
