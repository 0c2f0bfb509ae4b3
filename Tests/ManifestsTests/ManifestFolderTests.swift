import Foundation
import Manifests
import Model
import TestSupport
import Testing

@Suite struct ManifestFolderTests {
    /// A folder that goes when the test is done.
    private func withFolder(_ body: (URL) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "manifests-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try body(folder)
    }

    private func codes(_ path: String) -> [String] {
        do {
            _ = try ManifestFolder.read(path)
            return []
        } catch {
            return error.diagnostics.map(\.code)
        }
    }

    @Test func filesComeSortedWithoutWhatIsHidden() throws {
        try withFolder { folder in
            for name in ["b.yaml", "a/z.yml", "a/.hidden.yaml", ".git/x.yaml", "note.txt", "a.yaml"] {
                let file = folder.appending(path: name)
                try FileManager.default.createDirectory(
                    at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
                try Data(name.utf8).write(to: file)
            }
            let files = try ManifestFolder.read(folder.path)
            #expect(files.map(\.path) == ["a.yaml", "a/z.yml", "b.yaml"])
            #expect(files.map { String(decoding: $0.bytes, as: UTF8.self) } == ["a.yaml", "a/z.yml", "b.yaml"])
            #expect(try ManifestFolder.read(folder.appending(path: "b.yaml").path).count == 1)
        }
    }

    @Test func linksAreNeverFollowed() throws {
        try withFolder { folder in
            let link = folder.appending(path: "x.yaml").path
            try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "/etc/hostname")
            try FileManager.default.createSymbolicLink(
                atPath: folder.appending(path: "sub").path, withDestinationPath: "/etc")
            try FileManager.default.createSymbolicLink(
                atPath: folder.appending(path: "README").path, withDestinationPath: "/nowhere")
            #expect(codes(folder.path) == ["symbolic-link", "symbolic-link"])
        }
    }

    @Test func whatIsNoFileIsNotRead() throws {
        try withFolder { folder in
            #expect(mkfifo(folder.appending(path: "pipe.yaml").path, 0o600) == 0)
            #expect(codes(folder.path) == ["not-a-file"])
            #expect(codes(folder.appending(path: "pipe.yaml").path) == ["not-a-file"])
            #expect(codes(folder.appending(path: "missing").path) == ["unreadable"])
        }
    }

    @Test func aLargeFileIsNotRead() throws {
        try withFolder { folder in
            let file = folder.appending(path: "x.yaml")
            try Data().write(to: file)
            #expect(truncate(file.path, 65 << 20) == 0)
            #expect(codes(folder.path) == ["too-large"])
        }
    }

    @Test func theStarterFleetIsValid() throws {
        let id = try #require(UUID(uuidString: "6f0a1d52-3c0e-4b3e-9a57-0d3c9b7e5f11"))
        let files = StarterFleet.text(name: "office", fleet: id).map { SourceFile(path: $0.file, text: $0.text) }
        let result = ManifestReader.read(files)
        #expect(result.diagnostics.isEmpty)
        let manifest = try #require(result.loaded?.manifest)
        #expect(manifest.fleet.uuid == id)
        #expect(manifest.machines.count == 1)
    }
}
