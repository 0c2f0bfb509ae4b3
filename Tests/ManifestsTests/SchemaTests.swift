import Foundation
import Manifests
import Model
import TestSupport
import Testing

@Suite struct SchemaTests {
    static let kinds: [ResourceKind?] = [nil] + ResourceKind.allCases

    /// What is shipped is what the tables say. Run with `RECORD=1` to write it again.
    @Test(arguments: kinds)
    func theShippedSchemaIsTheTables(_ kind: ResourceKind?) throws {
        let file = Lab.repository.appending(path: "Schemas").appending(path: SchemaDocument.fileName(for: kind))
        let text = SchemaDocument.json(for: kind)
        if ProcessInfo.processInfo.environment["RECORD"] != nil {
            try text.write(to: file, atomically: true, encoding: .utf8)
        }
        #expect(try String(contentsOf: file, encoding: .utf8) == text)
        #expect(try JSONSerialization.jsonObject(with: Data(text.utf8)) is [String: Any])
    }

    @Test func whatPlacementFillsInIsNotInTheSchema() {
        let text = SchemaDocument.json(for: .virtualMachine)
        #expect(text.contains("\"additionalProperties\": false"))
        #expect(text.contains("\"bootOrder\""))
        #expect(!text.contains("kernelPath"))
        #expect(!text.contains("\"status\""))
    }
}
