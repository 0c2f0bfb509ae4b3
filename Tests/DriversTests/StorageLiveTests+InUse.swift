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

    /// Whatever a plan says: a host lets nothing go before its time by its own clock.
    @Test func aClockThatIsWrongTakesNothingAway() async throws {
        try await lab.driver.createPool(lab.pool, roots: ["/var/lib/infra"])
        var volume = lab.volume("web", size: 1 << 20)
        volume.status?.mark?.deletion = .delete
        try await lab.driver.createVolume(volume)
        func kept(until: String) throws -> Volume {
            let deleted = Volume.Deleted(
                volume: "web", moment: try #require(Moment("2026-11-20T02:00:00Z")),
                until: try #require(Moment(until)))
            var kept = lab.volume(deleted.identity, size: 1 << 20)
            kept.status?.mark = volume.status?.mark
            kept.status?.mark?.id = deleted.identity
            kept.status?.mark?.deleted = deleted
            return kept
        }
        let later = try kept(until: "2199-01-01T00:00:00Z")
        try await lab.driver.keepDeleted(volume, as: later)
        await #expect(throws: HostError.self) { try await lab.driver.keepDeleted(volume, as: later) }
        let seen = await lab.driver.observe(wanted: [lab.pool])
        #expect(seen.volumes.map(\.metadata.name) == ["web.deleted.20261120t020000z"])
        #expect(seen.volumes.first?.status?.mark == later.status?.mark && seen.volumes.first?.isDeleted == true)
        await #expect(throws: HostError.self) { try await lab.driver.expireDeleted(later) }
        // Nor by a plan that has another time than its mark.
        let over = try kept(until: "2020-01-01T00:00:00Z")
        await #expect(throws: HostError.self) { try await lab.driver.expireDeleted(over) }
        #expect(try await lab.sh("ls \(lab.path) | wc -l") == "1")
        let path = try #require(over.status?.path)
        _ = try await lab.sh(
            "setfattr -n user.infra -v \"$(getfattr --absolute-names --only-values -n user.infra \(path) | sed s/2199/2019/)\" \(path)"
        )
        try await lab.driver.expireDeleted(try kept(until: "2019-01-01T00:00:00Z"))
        try await lab.driver.expireDeleted(try kept(until: "2019-01-01T00:00:00Z"))
        #expect(try await lab.sh("ls \(lab.path) | wc -l") == "0")
        try await lab.clean()
    }
}
