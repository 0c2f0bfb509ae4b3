import Foundation
import Subprocess
import SystemPackage
import TestSupport
import Testing

/// Golden command lines: `Tests/Cases/cli/<case>/command` holds the arguments, one a line; `expected.txt` the exit code, standard
/// output and standard error. The program runs in the case's folder. A new case needs no code; `RECORD=1` writes what is missing.
/// None of them reaches a host.
@Suite struct CommandLineCases {
    static let folder = Lab.repository.appending(path: "Tests/Cases/cli")
    static let isRecording = ProcessInfo.processInfo.environment["RECORD"] != nil

    static var cases: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).sorted()
    }

    @Test func thereAreCases() { #expect(Self.cases.count >= 15) }

    @Test(arguments: cases) func outputIsAsRecorded(name: String) async throws {
        let folder = Self.folder.appending(path: name)
        let command = try String(contentsOf: folder.appending(path: "command"), encoding: .utf8)
        let actual = try await Infra.run(command.split(separator: "\n").map(String.init), in: folder.path)
        let text = """
            exit \(actual.status)
            --- standard output
            \(actual.output)--- standard error
            \(actual.error)
            """
        let expected = folder.appending(path: "expected.txt")
        if Self.isRecording { try Data(text.utf8).write(to: expected) }
        #expect(try String(contentsOf: expected, encoding: .utf8) == text)
    }
}

/// The built program.
enum Infra {
    struct Result {
        var status: Int
        var output: String
        var error: String
    }

    /// Beside the test program.
    static var path: String {
        let programs = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
        let beside = programs.appending(path: "infra").path
        return FileManager.default.fileExists(atPath: beside)
            ? beside : Lab.repository.appending(path: ".build/debug/infra").path
    }

    static func run(_ arguments: [String], in folder: String) async throws -> Result {
        let result = try await Subprocess.run(
            .path(.init(path)), arguments: Arguments(arguments),
            environment: .custom(["PATH": "/usr/bin:/bin", "LC_ALL": "C", "NO_COLOR": "1"]),
            workingDirectory: .init(folder), output: .string(limit: 1 << 22), error: .string(limit: 1 << 22))
        var status = -1
        if case .exited(let code) = result.terminationStatus { status = Int(code) }
        return Result(status: status, output: result.standardOutput, error: result.standardError)
    }
}
