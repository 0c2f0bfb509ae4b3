import Foundation
import Model
import Testing
@testable import Drivers
@testable import Hosts

/// What the scripts of mounts refuse, on this machine: nothing is mounted here.
@Suite struct MountTests {
    private let commands = CommandRunner()
    private let folder = FileManager.default.temporaryDirectory.appending(path: "infra-mount-\(UUID().uuidString)").path

    private func run(_ script: String, _ arguments: String...) async throws -> (status: Int, text: String) {
        let words = ["-c", StorageScripts.prelude + script, "infra-mount"] + arguments
        do throws(HostError) {
            return (0, try await commands.run("bash", words).text)
        } catch .command(_, let status, let message) {
            return (status, message)
        }
    }

    @Test func whatIsNotMountedIsRefused() async throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let bare = try await run(MountScripts.require, folder, "nas.example:/srv")
        #expect(bare == (9, "nas.example:/srv is not mounted at \(folder)"), "\(bare)")
        let other = try await run(MountScripts.require, "/proc", "nas.example:/srv")
        #expect(other == (9, "nas.example:/srv is not mounted at /proc, but proc"), "\(other)")
        let listed = try await run(MountScripts.list, folder, "nas.example:/srv", "112", folder)
        #expect(listed == bare, "\(listed)")
        let tried = try await run(MountScripts.trial, folder, "nas.example:/srv")
        #expect(tried == bare, "\(tried)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
    }

    @Test func aMountHidesNothing() async throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let taken = try await run(MountScripts.makePoint, "/proc", "/")
        #expect(taken.status == 9 && taken.text.hasPrefix("proc is mounted at /proc already"), "\(taken)")
        let below = try await run(MountScripts.prepare, "/proc", "nas.example:/srv", "127.0.0.1")
        #expect(below == (9, "proc is mounted at /proc"), "\(below)")
        let over = try await run(MountScripts.uncovered, "/proc", "nas.example:/srv")
        #expect(over == (9, "proc is mounted over /proc, which stays as it is"), "\(over)")
        let bare = try await run(MountScripts.uncovered, folder, "nas.example:/srv")
        #expect(bare.status == 0, "\(bare)")
        // Nobody answers there.
        let silent = try await run(MountScripts.prepare, folder, "127.255.255.254:/srv", "127.255.255.254")
        #expect(silent.status == 9, "\(silent)")
        try Data().write(to: URL(filePath: folder + "/mine"))
        let full = try await run(MountScripts.prepare, folder, "127.255.255.254:/srv", "127.255.255.254")
        #expect(full == (9, "\(folder) is not empty, and a mount would hide what is in it"), "\(full)")
    }

    /// Only a pool of NFS is one, and it reads as it was written.
    @Test(arguments: ["nas.example", "192.0.2.7", "2001:db8::7"]) func aDefinitionReadsAsItWasWritten(server: String)
        throws
    {
        let nfs = StoragePool.NFS(server: server, export: "/srv/disks", path: "/var/lib/infra/nas")
        let status = StoragePool.Status(host: "a", uuid: UUID(), name: "infra-01234567-nas")
        let definition = StorageDriver.definition(status, nfs)
        func record(_ definition: XMLElement) -> StoragePoolRecord {
            StoragePoolRecord(
                name: status.name, uuid: status.uuid, isActive: true, autostart: true, isPersistent: true,
                definition: definition, capacity: 0, available: 0)
        }
        let read = record(try XMLElement(parsing: definition.xmlText, from: "test"))
        #expect(read.nfs == nfs && read.folder == nfs.path && read.directory == nil)
        let gluster = definition.xmlText.replacing("type='nfs'", with: "type='glusterfs'")
            .replacing("type=\"nfs\"", with: "type=\"glusterfs\"")
        let other = record(try XMLElement(parsing: gluster, from: "test"))
        #expect(other.nfs == nil && other.folder == nil && other.backend == nil)
    }
}
