import Hosts
import Model
import TestSupport
import Testing

@testable import Drivers

extension StorageLiveTests {
    @Test(arguments: Volume.Format.allCases) func aRunningQEMUKeepsItsDisk(format: Volume.Format) async throws {
        try await lab.driver.createPool(lab.pool, roots: ["/var/lib/infra"])
        var volume = lab.volume("web", size: 1 << 20)
        volume.status?.mark?.deletion = .delete
        volume.spec.format = format
        let path = try #require(volume.status?.path).replacing(".qcow2", with: ".\(format.rawValue)")
        volume.status?.path = path
        try await lab.driver.createVolume(volume)
        let qemu = Task {
            _ = try? await lab.commands.run(
                "qemu-system-x86_64",
                ["-S", "-display", "none", "-nodefaults", "-drive", "file=\(path),format=\(format.rawValue),if=virtio"])
        }
        _ = try await lab.sh(
            """
            for i in $(seq 50); do
                qemu-io -f \(format.rawValue) -c quit \(path) >/dev/null 2>&1 || exit 0
                sleep 0.1
            done
            exit 1
            """)
        await #expect(throws: HostError.surprise("a running QEMU has \(path) open on host a")) {
            try await lab.driver.removeVolume(volume)
        }
        volume.spec.size = ByteCount(2 << 20)
        await #expect(throws: HostError.self) { try await lab.driver.growVolume(volume) }
        qemu.cancel()
        await qemu.value
        try await lab.driver.growVolume(volume)
        try await lab.driver.removeVolume(volume)
        try await lab.clean()
    }
}
