import Foundation
import Hosts
import Model
import TestSupport
import Testing
@testable import Drivers

/// A fleet, a pool and a driver of its own for a test.
struct StorageLab {
    let commands = CommandRunner()
    let connection: LibvirtConnection
    let identity: Identity
    let driver: StorageDriver
    let id: String
    let path = "/var/lib/infra/test-\(UInt32.random(in: 0 ... .max))"
    var name: String { identity.poolName(id) }
    var file: String { path + ".image" }

    init() async throws {
        connection = try await LibvirtConnection.open(uri: "qemu:///system", deadline: .seconds(10))
        identity = Identity(fleet: UUID())
        driver = StorageDriver(commands: commands, connection: connection, host: "a", identity: identity)
        id = "disks"
    }

    /// Another pool of the same fleet.
    init(_ lab: StorageLab, pool id: String) {
        (connection, identity, driver, self.id) = (lab.connection, lab.identity, lab.driver, id)
    }

    var pool: StoragePool {
        StoragePool(
            metadata: Metadata(name: id), spec: StoragePool.Spec(path: path, overcommit: 2),
            status: StoragePool.Status(host: "a", uuid: identity.uuid(ResourceID(.storagePool, id)), name: name))
    }

    func sh(_ script: String) async throws -> String {
        try await commands.run("bash", ["-uc", script], accepting: [0, 1]).text
            .trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Makes the file `FILE` by a command, as an image of that format.
    func image(_ format: String, _ command: String) async throws -> Image {
        _ = try await sh("rm -f \(file) \(file).data; " + command.replacing("FILE", with: file))
        let sum = String(try await sh("sha256sum <\(file)").prefix(64))
        try #require(sum.utf8.count == 64)
        let format = try #require(Image.Format(rawValue: format))
        return Image(
            metadata: Metadata(name: "img"), spec: Image.Spec(file: "f", sha256: sum, format: format),
            status: Image.Status(
                host: "a", pool: "disks", path: path + "/" + identity.imageFileName(sha256: sum, format)))
    }

    func volume(
        _ id: String, size: UInt64, format: Volume.Format = .qcow2, origin: Image? = nil, linked: Bool = true
    ) -> Volume {
        Volume(
            metadata: Metadata(name: id), spec: Volume.Spec(pool: "disks", size: ByteCount(size), format: format),
            status: Volume.Status(
                host: "a", uuid: identity.uuid(ResourceID(.volume, id)),
                path: path + "/" + identity.volumeFileName(id, format),
                mark: Volume.Mark(fleet: identity.fleet, id: id, deletion: .retain, origin: origin?.spec.sha256),
                backing: linked ? origin?.status?.path : nil))
    }

    func clean() async throws {
        _ = try await sh(
            "virsh pool-destroy \(name); virsh pool-undefine \(name); rm -rf --one-file-system \(path) \(path)-* \(file)* "
        )
    }
}
