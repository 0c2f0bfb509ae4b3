import Foundation
import Manifests
import Model
import TestSupport
import Testing

/// Inputs too large to keep as files. Each is refused with a place, quickly.
@Suite(.timeLimit(.minutes(1))) struct HostileInputTests {
    private func codes(_ bytes: [UInt8]) -> [String] {
        let result = ManifestReader.read([SourceFile(path: "x.yaml", bytes: bytes)])
        #expect(result.loaded == nil)
        #expect(result.diagnostics.allSatisfy { $0.position?.file == "x.yaml" || $0.position == nil })
        return result.diagnostics.map(\.code)
    }

    @Test(arguments: ["[", "{a: ", "- ", "? "])
    func aHundredThousandLevels(_ level: String) {
        #expect(codes(Array(String(repeating: level, count: 100_000).utf8)) == ["too-deep"])
    }

    @Test func indentedLevels() {
        let text = (0..<500).map { String(repeating: " ", count: $0) + "a:\n" }.joined()
        #expect(codes(Array(text.utf8)) == ["too-deep"])
    }

    @Test func aDocumentOfMillionsOfValues() {
        #expect(
            codes(Array(repeating: UInt8(ascii: "["), count: 1) + Array(String(repeating: "a,", count: 1_500_000).utf8))
                == ["too-large"])
    }

    @Test func aDocumentOfManyMegabytes() {
        #expect(codes(Array(("a: " + String(repeating: "x", count: 5 << 20)).utf8)) == ["too-large"])
    }

    @Test func aFileOfManyMegabytes() {
        #expect(codes([UInt8](repeating: 0x0a, count: 65 << 20)) == ["too-large"])
    }

    @Test func aKeyOfManyKilobytes() {
        let text = "apiVersion: infra/v1\nkind: Host\n? " + String(repeating: "k", count: 100_000) + "\n: 1\n"
        let result = ManifestReader.read([SourceFile(path: "x.yaml", text: text)])
        #expect(result.diagnostics.contains { $0.code == "unknown-field" })
        #expect(result.diagnostics.allSatisfy { $0.description.utf8.count < 1000 })
    }

    @Test func moreProblemsThanAnyoneReads() {
        let text = (0..<3000).map { "---\napiVersion: infra/v1\nkind: Host\nmetadata: {name: h\($0)}\nspec: 1\n" }
            .joined()
        let found = codes(Array(text.utf8))
        #expect(found.count <= 1001)
        #expect(found.last == "too-many")
    }

    /// Documents that are wrong in very many places, and fleets that are: told up to a number, in little time.
    @Test(arguments: [
        "spec: {" + (0..<90_000).map { "k\($0): 1, " }.joined() + "}\n",
        "spec: {disks: [" + String(repeating: "{name: root, bus: ide}, ", count: 60_000) + "]}\n",
        "spec: {cloudInit: {userData: {a: [" + String(repeating: ".inf, ", count: 200_000) + "]}}}\n",
        "spec: {ignoreChanges: [" + (0..<100_000).map { "f\($0), " }.joined() + "]}\n",
    ])
    func aDocumentWithVeryManyProblems(_ spec: String) {
        let found = codes(Array(("apiVersion: infra/v1\nkind: VirtualMachine\nmetadata: {name: a}\n" + spec).utf8))
        #expect(found.count <= 1001)
    }

    @Test func aListOfVeryManyUnknownHosts() {
        let hosts = (0..<60_000).map { "h\($0), " }.joined()
        let text =
            GeneratedFleet.manifestText(machines: 1)
            + "---\napiVersion: infra/v1\nkind: Network\nmetadata: {name: n}\nspec: {bridge: {}, hosts: [\(hosts)]}\n"
        #expect(codes(Array(text.utf8)).last == "too-many")
    }

    @Test func bytesThatAreNoText() {
        #expect(codes([0xff, 0xfe, 0x61, 0x00]) == ["encoding"])
        #expect(codes([0xed, 0xa0, 0x80]) == ["encoding"])
        #expect(codes([0xf4, 0x90, 0x80, 0x80]) == ["encoding"])
        #expect(codes([0x61, 0x0d, 0x62]) == ["control-character"])
    }

    @Test func aMarkAtTheBeginningIsNoContent() throws {
        let text = "\u{feff}" + GeneratedFleet.manifestText(machines: 1).replacing("\n", with: "\r\n")
        #expect(ManifestReader.read([SourceFile(path: "x.yaml", text: text)]).diagnostics.isEmpty)
    }
}
