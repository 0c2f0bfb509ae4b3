import Foundation
import Manifests
import Model
import TestSupport
import Testing

/// Good manifests with something wrong in them, at random: there is always either a fleet or an error, never both,
/// never a crash. Set `FUZZ_SEED` to repeat a run and `FUZZ_ROUNDS` to make it longer.
@Suite struct MutationTests {
    private static let environment = ProcessInfo.processInfo.environment
    private static let rounds = environment["FUZZ_ROUNDS"].flatMap { Int($0) } ?? 400
    private static let start =
        environment["FUZZ_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 0...999_999_999)

    private static let pieces = [
        "\n---\n", "...", "{", "}", "[", "]", ":", " - ", "&a ", "*a", "!!int ", "<<: ", "\"", "'", "|\n", ">\n", "#",
        "\t", "~", "null", "yes", "0x10", "-1", "9223372036854775808", "1e400", "?", "%YAML 1.1\n", "\u{0}", "\u{1b}",
        "\u{2028}", "é", "name", "spec: ", "\\", "@", "`", ",", "\r\n", "\r", "kind: Fleet\n",
    ]

    @Test func mutationsEndInAFleetOrAnError() {
        print("MutationTests: FUZZ_SEED=\(Self.start) FUZZ_ROUNDS=\(Self.rounds)")
        for round in 0..<UInt64(Self.rounds) {
            var random = SeededGenerator(seed: Self.start &+ round)
            let fleet = GeneratedFleet.random(seed: round % 16, machines: 3)
            var bytes = Array(ManifestDocument.write(fleet).utf8)
            for _ in 0..<Int.random(in: 1...4, using: &random) { Self.mutate(&bytes, &random) }
            let result = ManifestReader.read([SourceFile(path: "x.yaml", bytes: bytes)])
            let hasError = result.diagnostics.contains { $0.severity == .error }
            #expect((result.loaded == nil) == hasError, "round \(round) of FUZZ_SEED=\(Self.start)")
            let isSorted = zip(result.diagnostics, result.diagnostics.dropFirst()).allSatisfy { left, right in
                guard let one = left.position, let other = right.position else { return right.position == nil }
                return (one.line, one.column) <= (other.line, other.column)
            }
            #expect(isSorted, "round \(round) of FUZZ_SEED=\(Self.start)")
            let lines = bytes.split(separator: 0x0a, omittingEmptySubsequences: false)
            for place in result.diagnostics.compactMap(\.position) {
                #expect(place.line >= 1 && place.line <= lines.count + 1, "round \(round) of FUZZ_SEED=\(Self.start)")
            }
            if let manifest = result.loaded?.manifest {
                let again = ManifestReader.read([SourceFile(path: "y", text: ManifestDocument.write(manifest))])
                let isSame = again.loaded?.manifest == manifest
                #expect(isSame, "round \(round) of FUZZ_SEED=\(Self.start)")
            }
        }
    }

    @Test func everyTruncationEndsInAFleetOrAnError() {
        let text = Array(ManifestDocument.write(GeneratedFleet.random(seed: 5, machines: 1)).utf8)
        for length in stride(from: 0, to: text.count, by: 3) {
            let result = ManifestReader.read([SourceFile(path: "x.yaml", bytes: Array(text[..<length]))])
            let hasError = result.diagnostics.contains { $0.severity == .error }
            #expect((result.loaded == nil) == hasError, "\(length)")
        }
    }

    private static func mutate(_ bytes: inout [UInt8], _ random: inout SeededGenerator) {
        let place = Int.random(in: 0...bytes.count, using: &random)
        let length = min(Int.random(in: 0...12, using: &random), bytes.count - place)
        switch Int.random(in: 0...5, using: &random) {
        case 0: bytes.removeSubrange(place..<place + length)
        case 1: bytes.insert(contentsOf: Array((pieces.randomElement(using: &random) ?? "").utf8), at: place)
        case 2:
            bytes.insert(contentsOf: bytes[place..<place + length], at: Int.random(in: 0...bytes.count, using: &random))
        case 3: if place < bytes.count { bytes[place] = .random(in: 0...255, using: &random) }
        case 4: bytes.removeSubrange(place...)
        default:
            let piece = Array((pieces.randomElement(using: &random) ?? "").utf8)
            bytes.replaceSubrange(place..<place + length, with: piece)
        }
    }
}
