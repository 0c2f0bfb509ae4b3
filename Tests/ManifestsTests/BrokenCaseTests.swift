import Foundation
import Manifests
import Model
import TestSupport
import Testing

/// Every folder below `Tests/Cases/broken` holds manifests and exactly what is told about them. A new case needs no
/// code: make `manifests/`, run with `RECORD=1`, and read what `expected.txt` then says.
@Suite struct BrokenCaseTests {
    static let folder = Lab.repository.appending(path: "Tests/Cases/broken")

    static var cases: [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return names.filter { !$0.hasPrefix(".") }.sorted()
    }

    @Test func thereAreAtLeastFortyCases() { #expect(Self.cases.count >= 40) }

    @Test(arguments: cases)
    func aBrokenFleetIsToldExactly(_ name: String) throws {
        let folder = Self.folder.appending(path: name)
        let told = Self.diagnostics(folder.appending(path: "manifests").path)
        let text = told.map { "\($0)\n" }.joined()
        let expected = folder.appending(path: "expected.txt")
        if ProcessInfo.processInfo.environment["RECORD"] != nil {
            try text.write(to: expected, atomically: true, encoding: .utf8)
            return
        }
        #expect(text == (try String(contentsOf: expected, encoding: .utf8)))
        #expect(told.contains { $0.severity == .error })
        #expect(text.unicodeScalars.allSatisfy { $0.value >= 0x20 || $0 == "\n" })
    }

    private static func diagnostics(_ folder: String) -> [Diagnostic] {
        do {
            let result = ManifestReader.read(try ManifestFolder.read(folder))
            #expect(result.loaded == nil)
            return result.diagnostics
        } catch {
            return error.diagnostics
        }
    }
}
