import Foundation
import Testing

@testable import Hosts

@Suite struct CommandTests {
    let commands = CommandRunner()

    @Test func outputAndInput() async throws {
        let output = try await commands.run("cat", ["-"], input: .bytes(Array("a\u{e4}\n".utf8)))
        #expect(output == CommandOutput(status: 0, text: "aä\n", warnings: ""))
        let file = FileManager.default.temporaryDirectory.appending(path: "infra-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data(repeating: 0x61, count: 1 << 20).write(to: file)
        let sum = try await commands.run("wc", ["-c"], input: .file(file.path))
        #expect(sum.text == "1048576\n")
        #expect(try await commands.run("cat", []).text == "")
    }

    /// So a program whose starter is killed never takes a part for all of it.
    @Test func theWholeInputIsThereBeforeAProgramStarts() async throws {
        let bytes = [UInt8](repeating: 0x61, count: 3 << 20)
        let size = try await commands.run("stat", ["-L", "-c", "%s", "/dev/stdin"], input: .bytes(bytes))
        #expect(size.text == "\(bytes.count)\n")
        #expect(try await commands.run("wc", ["-c"], input: .bytes(bytes)).text == "\(bytes.count)\n")
    }

    @Test func argumentsAreNeverAShells() async throws {
        let hostile = ["$(id)", "`id`", "; id", "a'b\"c", "-n", "*", "\u{1b}[31m"]
        let output = try await commands.run("printf", ["%s\\n", "--"] + hostile)
        #expect(output.text == (["--"] + hostile).joined(separator: "\n") + "\n")
    }

    @Test func environmentIsOurs() async throws {
        setenv("INFRA_TEST_LEAK", "yes", 1)
        let output = try await commands.run("env", [])
        #expect(
            Set(output.text.split(separator: "\n").map(String.init))
                == ["PATH=\(CommandRunner.searchPath)", "LC_ALL=C"])
    }

    @Test("hostile host output: ANSI escapes") func failureCarriesItsFirstLinesEscaped() async throws {
        let script = #"printf 'one \033[31mred\007\ntwo\n3\n4\n5\n6\n' >&2; exit 3"#
        await #expect(
            throws: HostError.command(
                program: "bash", status: 3, standardError: "one \\u{1b}[31mred\\u{7}; two; 3; 4; 5")
        ) { try await commands.run("bash", ["-c", script]) }
        #expect(try await commands.run("bash", ["-c", "exit 3"], accepting: [0, 3]).status == 3)
        await #expect(
            throws: HostError.command(program: "no-such-program", status: 127, standardError: "not installed")
        ) { try await commands.run("no-such-program", []) }
        await #expect(throws: HostError.command(program: "bash", status: 137, standardError: "")) {
            try await commands.run("bash", ["-c", "kill -9 $$"])
        }
    }

    @Test("hostile host output: endless text, half a character") func halfATextIsRefused() async throws {
        await #expect(throws: HostError.self) { try await commands.run("printf", ["\\303"]) }
        await #expect(throws: HostError.unreadable("head wrote more than the 1KiB that are read")) {
            try await commands.run("head", ["-c", "1025", "/dev/zero"], outputLimit: 1024)
        }
        // Endless output on either stream ends the command, not us.
        await #expect(throws: HostError.self) { try await commands.run("yes", [], deadline: .seconds(20)) }
        await #expect(throws: HostError.self) {
            try await commands.run("bash", ["-c", "yes >&2"], deadline: .seconds(20))
        }
    }

    @Test func inputThatNobodyReads() async throws {
        let bytes = [UInt8](repeating: 0, count: 1 << 20)
        #expect(try await commands.run("true", [], input: .bytes(bytes)).status == 0)
        await #expect(throws: HostError.command(program: "bash", status: 4, standardError: "full")) {
            try await commands.run("bash", ["-c", "echo full >&2; exit 4"], input: .bytes(bytes))
        }
    }

    @Test(.timeLimit(.minutes(5))) func deadlineEndsTheWholeGroup() async throws {
        let mark = "31\(Int.random(in: 100...999)).5"
        await #expect(throws: HostError.deadline(call: "bash")) {
            try await commands.run(
                "bash", ["-c", "trap '' TERM; sleep \(mark) & sleep \(mark); wait"], deadline: .milliseconds(200))
        }
        let left = try await commands.run("pgrep", ["-f", "--", "sleep \(mark)"], accepting: [0, 1])
        #expect(left.text == "")
    }

    /// What a command leaves running, with its output still open, does not hold us.
    @Test(.timeLimit(.minutes(5))) func aDaemonIsNotWaitedFor() async throws {
        let output = try await commands.run(
            "bash", ["-c", "setsid sleep 100000 & echo started $!"], deadline: .seconds(90_000))
        #expect(output.text.hasPrefix("started "))
        try await commands.run("kill", ["--", String(output.text.dropFirst(8).dropLast())])
    }

    @Test(.timeLimit(.minutes(5))) func cancellationEndsIt() async throws {
        let task = Task { try await commands.run("sleep", ["100000"], deadline: .seconds(90_000)) }
        try await Task.sleep(for: .milliseconds(100))
        task.cancel()
        await #expect(throws: HostError.deadline(call: "sleep")) { try await task.value }
    }

    @Test func manyAtOnce() async throws {
        let texts = try await withThrowingTaskGroup(of: String.self) { group in
            for number in 0..<50 { group.addTask { try await commands.run("echo", ["\(number)"]).text } }
            return try await group.reduce(into: Set<String>()) { $0.insert($1) }
        }
        #expect(texts.count == 50)
    }
}
