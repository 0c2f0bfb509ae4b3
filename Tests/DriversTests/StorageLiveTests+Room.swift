import Foundation
import Hosts
import Model
import Testing

@testable import Drivers

/// Folders that are too small.
extension StorageLiveTests {
    @Test func noRoomLeavesNothing() async throws {
        _ = try await lab.sh(
            "mkdir -p \(lab.path); chmod 711 \(lab.path); mount -t tmpfs -o size=4m,mode=0711 none \(lab.path)")
        try await lab.driver.createPool(lab.pool, roots: ["/var/lib/infra"])
        let image = try await lab.image("raw", "head -c 6M /dev/urandom >FILE")
        let error = await #expect(throws: HostError.self) { try await lab.driver.importImage(image, from: lab.file) }
        let words = "\(try #require(error))"
        #expect(words.contains("StoragePool/disks has 4MiB free, and 6MiB are needed: 2MiB missing"), "\(words)")
        #expect(words.contains("No space left on device"), "\(words)")
        #expect(try await lab.sh("ls -A \(lab.path) | wc -l") == "0")
        let fitting = try await lab.image("raw", "head -c 3M /dev/urandom >FILE")
        try await lab.driver.importImage(fitting, from: lab.file)
        let copy = lab.volume("copy", size: 3 << 20, format: .raw, origin: fitting, linked: false)
        let full = await #expect(throws: HostError.self) { try await lab.driver.createVolume(copy) }
        #expect("\(try #require(full))".contains("StoragePool/disks has 1MiB free, and 3MiB are needed: 2MiB missing"))
        #expect(try await lab.sh("ls -A \(lab.path) | grep -vc '^img-'") == "0")
        _ = try await lab.sh("mount -o remount,size=8m \(lab.path)")
        try await lab.driver.createVolume(copy)
        try await lab.driver.removePool(lab.pool)
        _ = try await lab.sh("umount \(lab.path)")
        try await lab.clean()
    }

    @Test func aFolderWithoutRoomTakesNoSnapshot() async throws {
        _ = try await lab.sh(
            "mkdir -p \(lab.path); chmod 711 \(lab.path); mount -t tmpfs -o size=4m,mode=0711 none \(lab.path)")
        try await lab.driver.createPool(lab.pool, roots: ["/var/lib/infra"])
        let source = lab.volume("web", size: 8 << 20, format: .raw)
        try await lab.driver.createVolume(source)
        let part = lab.volume("kept.20261120t020000z.web", size: 8 << 20)
        // What is promised does not count, what is in it does.
        try await lab.driver.requireFree(for: [(part, source)])
        let path = try #require(source.status?.path)
        _ = try await lab.sh("head -c 2M /dev/urandom | dd of=\(path) conv=notrunc bs=1M iflag=fullblock status=none")
        let error = await #expect(throws: HostError.self) {
            try await lab.driver.requireFree(for: [(part, source)])
        }
        #expect("\(try #require(error))".contains("\(lab.path) has "))
        _ = try await lab.sh("fallocate --punch-hole --offset 0 --length 1M \(path)")
        try await lab.driver.requireFree(for: [(part, source)])
        try await lab.driver.removePool(lab.pool)
        _ = try await lab.sh("umount \(lab.path)")
        try await lab.clean()
    }
}
