import Foundation
import Manifests
import Model
import Synchronization
import Testing

@testable import Reconciler

/// Image files are read once, by threads of their own, and as what they are.
@Suite struct ImageFilesTests {
    private let folder = FileManager.default.temporaryDirectory.path + "/infra-images-\(UUID().lowercased)"

    init() throws { try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true) }

    private func clean() { try? FileManager.default.removeItem(atPath: folder) }

    private func write(_ name: String, _ bytes: [UInt8]) throws {
        try Data(bytes).write(to: URL(filePath: folder + "/" + name))
    }

    private func manifest(_ file: String, _ format: Image.Format = .raw, sha256: String? = nil) -> FleetManifest {
        let fleet = UUID()
        return FleetManifest(
            fleet: Fleet(metadata: Metadata(name: "office", id: fleet.lowercased), uuid: fleet),
            images: [
                Image(metadata: Metadata(name: "tiny"), spec: Image.Spec(file: file, sha256: sha256, format: format))
            ])
    }

    @Test func aFileIsReadAgainOnlyWhenItChanged() async throws {
        defer { clean() }
        let parts = Atomic(0)
        try write("a.img", [1, 2, 3])
        let files = ImageFiles(folder, resolution: 0) { parts.add(1, ordering: .relaxed) }
        let first = await ImageFiles.filling(manifest("a.img"), from: files).0.images[0].spec
        #expect(first.sha256 == "039058c6f2c0cb492c533b0a4d14ef77cc0f78abccced5287d84a1a2011cfb81")
        #expect(first.virtualSize == ByteCount(3))
        let once = parts.load(ordering: .relaxed)
        #expect(once > 0)
        #expect(await ImageFiles.filling(manifest("a.img"), from: files).0.images[0].spec == first)
        #expect(parts.load(ordering: .relaxed) == once)
        // The same size, in the same place; and the same name with another file behind it.
        let handle = try #require(FileHandle(forWritingAtPath: folder + "/a.img"))
        try handle.write(contentsOf: Data([4]))
        try handle.close()
        let changed = await ImageFiles.filling(manifest("a.img"), from: files).0.images[0].spec
        #expect(changed.sha256 != first.sha256 && parts.load(ordering: .relaxed) > once)
        try write("b.img", [1, 2, 3])
        _ = rename(folder + "/b.img", folder + "/a.img")
        #expect(await ImageFiles.filling(manifest("a.img"), from: files).0.images[0].spec == first)
    }

    /// Two writes within one tick of a clock bear one time: what was written to a moment ago is read again.
    @Test func whatWasJustWrittenIsNotKnown() async throws {
        defer { clean() }
        let parts = Atomic(0)
        try write("a.img", [1, 2, 3])
        let files = ImageFiles(folder, resolution: 3600) { parts.add(1, ordering: .relaxed) }
        _ = await ImageFiles.filling(manifest("a.img"), from: files)
        let once = parts.load(ordering: .relaxed)
        _ = await ImageFiles.filling(manifest("a.img"), from: files)
        #expect(parts.load(ordering: .relaxed) == 2 * once)
    }

    @Test func aFileThatIsBeingWrittenIsNoImage() async throws {
        defer { clean() }
        try write("a.img", [1, 2, 3])
        let path = folder + "/a.img"
        let isWritten = Atomic(false)
        let files = ImageFiles(folder, resolution: 0) {
            guard !isWritten.exchange(true, ordering: .relaxed) else { return }
            try? Data([1, 2, 3, 4]).write(to: URL(filePath: path), options: [])
        }
        let (filled, problems) = await ImageFiles.filling(manifest("a.img"), from: files)
        #expect(problems.map(\.message) == ["a.img was written to while it was read"])
        #expect(filled.images[0].spec.sha256 == nil)
    }

    /// As many files as there are processors, and one more, are being read at once; what else is under way goes on. On the
    /// threads that everything shares nothing would be left to let them go.
    @Test func readingHoldsUpNothingElse() async throws {
        defer { clean() }
        try write("a.img", [1, 2, 3])
        let gate = Gate()
        let count = ProcessInfo.processInfo.activeProcessorCount + 1
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<count {
                let files = gate.files(folder)
                let manifest = manifest("a.img")
                group.addTask { _ = await ImageFiles.filling(manifest, from: files) }
            }
            group.addTask { await gate.open(for: count) }
        }
        #expect(gate.late == 0)
        #expect(gate.begun == count)
    }

    /// Stops whoever begins to read until it is opened.
    private final class Gate: Sendable {
        private let turn = DispatchSemaphore(value: 0)
        private let state = Mutex((begun: 0, late: 0))

        var begun: Int { state.withLock { $0.begun } }
        var late: Int { state.withLock { $0.late } }

        /// Files of which the first part waits.
        func files(_ folder: String) -> ImageFiles {
            let isFirst = Flag()
            return ImageFiles(folder, resolution: 3600) {
                guard isFirst.value.exchange(false, ordering: .relaxed) else { return }
                self.state.withLock { $0.begun += 1 }
                // Only so that a failure ends: the one who lets them go is ready at once.
                if self.turn.wait(timeout: .now() + 30) == .timedOut { self.state.withLock { $0.late += 1 } }
            }
        }

        func open(for count: Int) async {
            while begun < 2 { await Task.yield() }
            for _ in 0..<count { turn.signal() }
        }

        private final class Flag: Sendable {
            let value = Atomic(true)
        }
    }
}
