import Foundation
import TestSupport
import Testing

/// `Docs/storage.md` says what each kind of pool has. A cell names a test, or says that there is none.
@Suite struct StorageTableTests {
    @Test func everyCellNamesATestOrSaysThatThereIsNone() throws {
        let text = try String(contentsOf: Lab.repository.appending(path: "Docs/storage.md"), encoding: .utf8)
        let rows = text.split(separator: "\n").filter { $0.hasPrefix("| ") }.dropFirst(2)
        let tests = try Self.tests()
        #expect(rows.count >= 15 && tests.count > 500)
        for row in rows {
            let cells = row.split(separator: "|", omittingEmptySubsequences: false).dropFirst().dropLast()
            #expect(cells.count == 7, "\(row)")
            for cell in cells.dropFirst() {
                let names = cell.split(separator: "`", omittingEmptySubsequences: false)
                let name = names.count >= 3 ? String(names[1]) : ""
                #expect(
                    name == "not there" || name == "generated and validated" || tests.contains(name),
                    "\(row): \(cell) is no test")
            }
        }
    }

    /// The names of all tests, and of the golden cases of plans.
    private static func tests() throws -> Set<String> {
        let folder = Lab.repository.appending(path: "Tests")
        var names = Set(
            try FileManager.default.contentsOfDirectory(atPath: folder.appending(path: "Cases/plan").path))
        let files = try #require(FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil))
        while let file = files.nextObject() as? URL {
            guard file.pathExtension == "swift" else { continue }
            let text = try String(contentsOf: file, encoding: .utf8)
            names.formUnion(text.matches(of: #/func ([A-Za-z0-9_]+)\(/#).map { String($0.1) })
        }
        return names
    }
}
