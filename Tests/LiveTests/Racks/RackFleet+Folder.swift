import Foundation
import Model
import TestSupport

extension RackFleet {
    /// Gives the body the place, on each of these hosts, of a folder that is the same on all of them: one of the machine's disk.
    func withFolder(on hosts: [RackHost], _ body: (String) async throws -> Void) async throws {
        let real = Lab.repository.appending(path: ".build/shared-\(identity.fleet8)").path(percentEncoded: false)
        let folder = "/srv/infra-\(identity.fleet8)/disks"
        func release() async throws {
            for host in hosts {
                try await host.sh(#"if mountpoint -q "$1"; then umount --lazy "$1"; fi; rm -rf "${1%/*}""#, folder)
            }
            try FileManager.default.removeItem(atPath: real)
        }
        do {
            for host in hosts { try await host.sh(#"mkdir -p "$1" "$2" && mount --bind "$1" "$2""#, real, folder) }
            try await body(folder)
        } catch {
            try? await release()
            throw error
        }
        try await release()
    }
}
