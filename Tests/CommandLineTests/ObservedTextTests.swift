import Foundation
import Model
import Planning
import Testing

@testable import infra

/// What is told of what was observed.
@Suite struct ObservedTextTests {
    private static let fleet = Fleet(
        metadata: Metadata(name: "office"), uuid: UUID(uuidString: "6f0a1d52-3c0e-4b3e-9a57-0d3c9b7e5f11") ?? UUID())

    private static func machine(memory: ByteCount, running: ByteCount?) -> VirtualMachine {
        var spec = VirtualMachine.Spec(cpu: .init(count: 2), memory: .init(size: memory))
        let defined = spec
        if let running { spec.memory = .init(size: running) }
        return VirtualMachine(
            metadata: Metadata(name: "guest"), spec: defined,
            status: .init(host: "a", uuid: UUID(), state: .running, live: running == nil ? nil : spec))
    }

    /// The definition is what the next start has.
    @Test func aMachineIsShownAsItRuns() {
        let grown = StatusReport.Machine(Self.machine(memory: .gibibytes(4), running: .gibibytes(2)), on: "a")
        #expect(grown.memory == .gibibytes(2))
        #expect(grown.text == "guest: running, 2 CPU, 2GiB; 2 CPU, 4GiB from its next start on")
        let same = StatusReport.Machine(Self.machine(memory: .gibibytes(4), running: nil), on: "a")
        #expect(same.text == "guest: running, 2 CPU, 4GiB" && same.nextStart == nil)
        let inventory = HostInventory(
            host: KVMHost(metadata: Metadata(name: "a")),
            machines: [Self.machine(memory: .gibibytes(4), running: .gibibytes(2))])
        let row = ResourceRow.rows(.virtualMachine, inventory, images: ImageNames(manifest(), observed: [:])).first
        #expect(row?.columns.first { $0.title == "memory" }?.value == "2GiB")
    }

    private func manifest(sha256: String? = nil) -> FleetManifest {
        FleetManifest(
            fleet: Self.fleet,
            images: [Image(metadata: Metadata(name: "tiny"), spec: .init(file: "t", sha256: sha256, format: .qcow2))],
            volumes: [
                Volume(metadata: Metadata(name: "data"), spec: .init(pool: "p", size: .gibibytes(1), image: "tiny"))
            ])
    }

    private func stored(_ sha256: String) -> Image {
        Image(
            metadata: Metadata(name: sha256), spec: .init(file: "", sha256: sha256, format: .qcow2),
            status: .init(host: "a", pool: "p", path: "/pools/p/img-\(sha256)"))
    }

    /// By its digest, or else by the disk that was made from it; another one keeps its digest for a name.
    @Test func aStoredImageIsFoundByItsName() {
        let digest = String(repeating: "ab", count: 32)
        let made = Volume(
            metadata: Metadata(name: "data"), spec: .init(pool: "p", size: .gibibytes(1)),
            status: .init(
                host: "a", uuid: UUID(), path: "/pools/p/data",
                mark: .init(fleet: Self.fleet.uuid, id: "data", deletion: .retain, origin: digest)))
        let inventory = HostInventory(
            host: KVMHost(metadata: Metadata(name: "a")), images: [stored(digest), stored("cd")], volumes: [made])
        for names in [
            ImageNames(manifest(sha256: digest), observed: [:]), ImageNames(manifest(), observed: ["a": inventory]),
        ] {
            let rows = ResourceRow.rows(.image, inventory, images: names)
            #expect(rows.map(\.id) == ["tiny", "cd"])
            #expect(rows.filter { $0.isNamed("tiny") }.count == 1 && rows.filter { $0.isNamed(digest) }.count == 1)
        }
        let unknown = ImageNames(manifest(), observed: [:])
        #expect(ResourceRow.rows(.image, inventory, images: unknown).map(\.id) == [digest, "cd"])
        #expect(unknown.isDigestMissing(of: "tiny"))
    }
}
