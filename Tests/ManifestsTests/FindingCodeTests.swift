import Foundation
import Manifests
import Testing

@Suite struct FindingCodeTests {
    /// Whoever adds a code says what it means: every code that a recorded case tells is in the list.
    @Test(arguments: BrokenCaseTests.cases)
    func everyCodeIsListed(_ name: String) throws {
        let text = try String(
            contentsOf: BrokenCaseTests.folder.appending(path: name).appending(path: "expected.txt"), encoding: .utf8)
        let known = Set(FindingCode.all.map(\.code))
        for match in text.matches(of: #/(?:error|warning|note)\[([a-z-]+)\]: /#) {
            #expect(known.contains(String(match.output.1)))
        }
    }

    @Test func eachIsToldOnceInFullSentences() {
        #expect(Set(FindingCode.all.map(\.code)).count == FindingCode.all.count)
        for code in FindingCode.all {
            #expect(code.summary.hasSuffix(".") && code.help.hasSuffix("."), "\(code.code)")
        }
    }
}
