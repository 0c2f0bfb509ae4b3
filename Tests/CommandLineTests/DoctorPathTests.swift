import Foundation
import Testing

/// A path on the command line begins at the current folder.
@Suite struct DoctorPathTests {
    @Test func aRelativeStorageRootIsLookedAt() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "infra-doctor-\(UUID().uuidString)")
        try FileManager.default.createDirectory(
            at: folder.appending(path: "roots/disks"), withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let result = try await Infra.run(["doctor", "--storage-root", "roots/disks"], in: folder.path)
        #expect(result.output.contains("are free at \(folder.path)/roots/disks\n"), "\(result)")
        #expect(!result.output.contains("storage: "), "\(result)")
    }
}
