import Foundation
import Subprocess
import SystemPackage
import TestSupport

/// How a program ended, and what it wrote.
struct Ended: Hashable, Sendable, CustomStringConvertible {
    /// The exit code; 128 and the signal's number for one that was ended by a signal, as in a shell.
    var status: Int
    var output: String
    var error: String

    /// The end of what it wrote: events and plans are long.
    var description: String { "ended with \(status)\n\(output.suffix(2000))\(error.suffix(1000))" }

    /// The last line of the output.
    var lastLine: String { output.split(separator: "\n").last.map(String.init) ?? "" }

    func hasLine(_ line: String) -> Bool { output.split(separator: "\n").contains { $0 == line } }
}

/// A check that could not even be made.
struct Failure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// Programs that a test runs, with the test's environment.
enum Program {
    /// The program under test, beside the tests' own.
    static let infra: String = {
        if let named = ProcessInfo.processInfo.environment["INFRA_BINARY"] { return named }
        let tests = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        return tests.deletingLastPathComponent().appending(path: "infra").path(percentEncoded: false)
    }()

    private static let outputLimit = 1 << 26

    /// Runs a program to its end. One that is not done after that many seconds is ended, with 124 as its exit code.
    static func run(_ program: String, _ arguments: [String], seconds: Int = 600) async throws -> Ended {
        let result = try await Subprocess.run(
            .name("timeout"), arguments: Arguments(["--kill-after=5", String(seconds), program] + arguments),
            output: .bytes(limit: outputLimit), error: .bytes(limit: outputLimit))
        return Ended(
            status: result.terminationStatus.code, output: String(decoding: result.standardOutput, as: UTF8.self),
            error: String(decoding: result.standardError, as: UTF8.self))
    }

    /// Runs `infra` and hands over each line that it writes, with its process. What it writes to standard error is kept
    /// for its end.
    static func watch(
        _ arguments: [String], seconds: Int = 600, _ line: (String, Process) async throws -> Void
    ) async throws -> Ended {
        var output = ""
        let result = try await Subprocess.run(
            .path(FilePath(infra)), arguments: Arguments(arguments), input: .none, output: .sequence,
            error: .bytes(limit: outputLimit)
        ) { execution in
            let process = Process(id: execution.processIdentifier.value)
            let timer = Task {
                try await Task.sleep(for: .seconds(seconds))
                process.send(SIGKILL)
            }
            defer { timer.cancel() }
            for try await text in execution.standardOutput.strings(bufferingPolicy: .unbounded) {
                output += text + "\n"
                try await line(text, process)
            }
        }
        return Ended(
            status: result.terminationStatus.code, output: output,
            error: String(decoding: result.standardError, as: UTF8.self))
    }

    /// A running program. Its number is its own until it has ended and was waited for.
    struct Process: Sendable {
        let id: pid_t

        func send(_ signal: Int32) { kill(id, signal) }
    }
}

extension TerminationStatus {
    fileprivate var code: Int {
        switch self {
        case .exited(let code): Int(code)
        case .signaled(let signal): 128 + Int(signal)
        }
    }
}

/// Runs a script with its arguments and returns what it wrote, without the newline at the end.
@discardableResult
func sh(_ script: String, _ arguments: String...) async throws -> String {
    let ended = try await Program.run("bash", ["-euo", "pipefail", "-c", script, "bash"] + arguments, seconds: 120)
    guard ended.status == 0 else { throw Failure("\(script)\n\(ended)") }
    return ended.output.trimmingCharacters(in: .newlines)
}
