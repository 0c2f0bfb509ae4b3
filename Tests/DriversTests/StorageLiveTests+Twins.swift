import Foundation
import Hosts
import Model
import TestSupport
import Testing

@testable import Drivers

extension StorageLiveTests {
    /// A volume lies under one of two names. Whatever makes one looks for both, since its pool was perhaps not seen.
    @Test func aVolumeIsNotMadeBesideItsOtherFile() async throws {
        try await lab.driver.createPool(lab.pool, roots: ["/var/lib/infra"])
        let first = lab.volume("twin", size: 4 << 20)
        var second = first
        let path = try #require(first.status?.path)
        second.status?.path = try #require(lab.identity.otherPath(of: path))
        try await lab.driver.createVolume(second)
        let error = await #expect(throws: HostError.self) { try await lab.driver.createVolume(first) }
        #expect("\(try #require(error))".contains("may lie; plan again"))
        #expect(try await lab.sh("ls \(lab.path)") == second.status?.path.split(separator: "/").last.map(String.init))

        // Room for a copy beside it is something else.
        var copy = first
        copy.status?.mark?.copy = .incomingFrom(pool: "disks")
        try await lab.driver.createVolume(copy)
        let seen = await lab.driver.observe(wanted: [lab.pool])
        #expect(seen.unknown.isEmpty, "\(seen.unknown)")
        #expect(Set(seen.volumes.compactMap(\.status?.path)) == Set([first, second].compactMap(\.status?.path)))
        try await lab.driver.copyWithin(copy, from: second) { () throws(HostError) in
        } finish: { () throws(HostError) in
        }
        // Both would count.
        try await lab.driver.markVolume(first)
        let twins = await lab.driver.observe(wanted: [lab.pool])
        #expect(twins.unknown.map(\.resource) == [ResourceID(.volume, "twin")])
        try await lab.clean()
    }
}
