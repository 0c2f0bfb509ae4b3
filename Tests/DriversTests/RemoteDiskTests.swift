import Foundation
import Model
import TestSupport
import Testing

@testable import Drivers
@testable import Hosts

/// Disks that QEMU reaches over the network itself.
@Suite struct RemoteDiskTests {
    private static let secret = UUID(uuidString: "6f0a1d52-3c0e-4b3e-9a57-0d3c9b7e5f12") ?? UUID()
    private static let image = StoragePool.RBDImage(
        place: .init(
            monitors: ["mon-1.example", "2001:db8::7"], port: 3300, pool: "disks",
            auth: .init(user: "infra", secret: secret)), name: "web-data")

    private static func machine(_ path: String) -> VirtualMachine {
        var machine = ComputeFixtures.bare()
        machine.spec.disks = [
            VirtualMachine.Disk(name: "data", volume: nil, bus: .virtio, path: path, format: .raw)
        ]
        return machine
    }

    private static func definition(_ path: String) -> XMLElement {
        DomainPatch(machine: machine(path), identity: ComputeFixtures.identity).newDomain()
    }

    /// Nothing has run it: there is no cluster in the lab.
    @Test func anRBDImageIsADisk() throws {
        let domain = Self.definition(Self.image.path)
        let disk = try #require(domain.first("devices")?.elements.first { $0.name == "disk" })
        #expect(disk["type"] == "network")
        let source = """
            <source protocol="rbd" name="disks/web-data">\
            <host name="mon-1.example" port="3300"/><host name="2001:db8::7" port="3300"/>\
            <auth username="infra"><secret type="ceph" uuid="\(Self.secret.lowercased)"/></auth></source>
            """
        let expected = try XMLElement(parsing: source, from: "source", keepingBlanks: false)
        #expect(disk.first("source") == expected, "\(disk.xmlText)")
        // What has a snapshot, or other monitors, is another disk.
        #expect(DomainReading.source(of: disk) == Self.image.path)
        var odd = disk
        odd.edit("source") { $0.insert(XMLElement("snapshot", [.init("name", "before")])) }
        #expect(DomainReading.source(of: odd) == "/network: rbd disks/web-data")
    }

    @Test func anImageIsLookedAtByItsMonitors() {
        #expect(
            Self.image.imageOptions == [
                "file.driver=rbd", "file.pool=disks", "file.image=web-data", "file.user=infra",
                "file.server.0.host=mon-1.example", "file.server.0.port=3300", "file.server.1.host=2001:db8::7",
                "file.server.1.port=3300",
            ])
    }

    @Test(
        .enabled(
            if: FileManager.default.isExecutableFile(atPath: ComputeGoldenTests.validator),
            "needs libxml2-utils' virt-xml-validate"),
        arguments: [
            image.path, StoragePool.RBDImage(place: .init(monitors: ["192.0.2.7"], pool: "p"), name: "i").path,
            "iscsi://[2001:db8::7]:3261/iqn.2026-01.example:disks/1",
        ])
    func aRemoteDiskFitsLibvirtsSchema(path: String) async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "infra-remote-\(UUID().uuidString).xml")
        try Data(Self.definition(path).xmlText.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        try await CommandRunner().run(ComputeGoldenTests.validator, [file.path, "domain"])
        #expect(ComputeFixtures.read(Self.definition(path), as: Self.machine(path))?.disks.first?.path == path)
    }
}
