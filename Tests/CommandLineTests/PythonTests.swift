import Foundation
import Subprocess
import SystemPackage
import TestSupport
import Testing

/// What others make of what we write: readers and validators from PyPI (`Tests/Python/requirements.txt`).
@Suite(.enabled(if: Python.isInstalled, "Tests/Python/install could not reach an index of packages"))
struct PythonTests {
    @Test func everyReaderOfReportsSaysTheSame() async throws {
        let broken = try folders("Tests/Cases/broken").map { "\($0)/manifests" }
        try await run(
            "reports.py",
            [
                "Examples/office", "Tests/Cases/every-field", "Tests/Cases/cli/validate-many-sarif/odd",
                "Tests/Cases/cli/validate-many-sarif/empty",
            ] + broken)
    }

    /// On 500 mutants, whose seed is printed; `MUTANT_SEED` repeats a run.
    @Test func schemasAgreeWithValidate() async throws {
        let work = FileManager.default.temporaryDirectory.appending(path: "infra-mutants-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: work) }
        let seed = ProcessInfo.processInfo.environment["MUTANT_SEED"] ?? String(Int.random(in: 0...999_999_999))
        try await run("schemas.py", [work.path, seed, "500"])
    }

    @Test func thePipelinesOfTheExamplesWork() async throws { try await run("pipelines.py", []) }

    private func folders(_ path: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: Lab.repository.appending(path: path).path).sorted().map {
            "\(path)/\($0)"
        }
    }

    private func run(_ script: String, _ arguments: [String]) async throws {
        let result = try await Subprocess.run(
            .path(.init(Python.path)), arguments: Arguments(["Tests/Python/\(script)", Infra.path] + arguments),
            environment: .custom(["PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "NO_COLOR": "1"]),
            workingDirectory: .init(Lab.repository.path), output: .string(limit: 1 << 20),
            error: .string(limit: 1 << 20))
        print("\(script): \(result.standardOutput)")
        #expect(result.terminationStatus == .exited(0), "\(result.standardOutput)\n\(result.standardError)")
    }
}

/// The interpreter with the packages of the tests.
enum Python {
    static let path = Lab.repository.appending(path: ".build/python/bin/python").path
    static var isInstalled: Bool { FileManager.default.isExecutableFile(atPath: path) }
}
