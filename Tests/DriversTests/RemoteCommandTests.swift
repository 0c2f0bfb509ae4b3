import Foundation
import TestSupport
import Testing

@testable import Hosts

/// The fixed line that runs every command on another host, given to shells as sshd gives it: `SHELL -c LINE`.
@Suite struct RemoteCommandTests {
    let commands = CommandRunner()
    static let shells = [["bash"], ["sh"], ["busybox", "sh"]]

    private func run(_ shell: [String], _ bytes: [UInt8]) async throws -> (status: Int, output: [UInt8], error: String)
    {
        let output = try await commands.run(
            shell[0], shell.dropFirst() + ["-c", RemoteCommand.text], input: .bytes(bytes),
            accepting: Set(0...255), repairing: true)
        return (output.status, Array(output.text.utf8), output.warnings)
    }

    private func command(
        _ program: String, _ arguments: [String], _ input: RemoteCommand.Input, limit: Int? = 20
    ) -> RemoteCommand {
        RemoteCommand(executable: program, arguments: arguments, input: input, limit: limit)
    }

    /// Whatever words are made of, they arrive as they are and nothing else runs.
    @Test("hostile ssh: words that a shell would take for commands", arguments: shells)
    func anyWordsArriveAsTheyAre(_ shell: [String]) async throws {
        var random = SeededGenerator(seed: 7)
        let pieces = [
            "'", "\"", "\\", "$(id)", "`id`", ";", "|", "&", "\n", "\r", "\t", " ", "*", "?", "~", "!", "#", "%", "-",
            "--",
            "end", "é", "\u{7f}", "\u{1b}[31m", "${PATH}", "$((1))", "<(id)", ">x", "{a,b}", "",
        ]
        for _ in 0..<60 {
            let words = (0..<Int.random(in: 0...6, using: &random)).map { _ in
                (0..<Int.random(in: 0...5, using: &random)).map { _ in pieces.randomElement(using: &random) ?? "" }
                    .joined()
            }
            let input = words.joined(separator: "\u{1}")
            let script = #"printf '%s\0' "$@"; printf 'end\0'; exec cat"#
            let sent = command("bash", ["-c", script, "x"] + words, .whole(Array(input.utf8)))
            let got = try await run(shell, sent.bytes)
            // printf with no arguments prints one empty word.
            let expected = (words.isEmpty ? [""] : words).map { $0 + "\0" }.joined() + "end\0" + input
            #expect(got.status == 0 && got.output == Array(expected.utf8), "\(words) \(got.error)")
        }
    }

    /// A connection that breaks anywhere before the end of what is sent runs nothing.
    @Test func whatIsCutOffDoesNotRun() async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "infra-cut-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: file) }
        let sent = command("tee", ["--", file], .whole(Array("whole".utf8)), limit: nil).bytes
        for length in 0..<sent.count {
            let got = try await run(["sh"], Array(sent[..<length]))
            #expect(got.status == RemoteCommand.isCutOff && got.error == RemoteCommand.cutOffWords, "\(length)")
            #expect(!FileManager.default.fileExists(atPath: file), "\(length)")
        }
        #expect(try await run(["sh"], sent).output == Array("whole".utf8))
        #expect(try String(contentsOfFile: file, encoding: .utf8) == "whole")
    }

    @Test func inputOfAnyKindArrives() async throws {
        let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let sum = try await commands.run("sha256sum", [], input: .bytes(bytes)).text
        let whole = try await run(["sh"], command("sha256sum", [], .whole(bytes)).bytes)
        #expect(String(decoding: whole.output, as: UTF8.self) == sum)
        let stream = try await run(["sh"], command("sha256sum", [], .stream).bytes + bytes)
        #expect(String(decoding: stream.output, as: UTF8.self) == sum)
        #expect(try await run(["sh"], command("wc", ["-c"], .whole([])).bytes).output == Array("0\n".utf8))
    }

    @Test func environmentAndEndAreOurs() async throws {
        let environment = try await run(["sh"], command("env", [], .whole([])).bytes)
        #expect(
            Set(String(decoding: environment.output, as: UTF8.self).split(separator: "\n").map(String.init))
                == ["PATH=\(CommandRunner.searchPath)", "LC_ALL=C"])
        #expect(try await run(["sh"], command("bash", ["-c", "exit 9"], .whole([])).bytes).status == 9)
        // The host ends it by itself.
        #expect(try await run(["sh"], command("sleep", ["1000"], .whole([]), limit: 1).bytes).status == 124)
        let missing = try await run(["sh"], command("no-such-program", [], .whole([])).bytes)
        #expect(missing.status == 127 && missing.error.hasPrefix("timeout: failed to run command"))
    }

    @Test func aTerminalsWordsAreOneWordEach() async throws {
        let words = ["virsh", "$(id)", "a'b", "`id`", "\\", "", "-x", "\n", "!"]
        let line = "printf '%s\\0' " + words.map(RemoteCommand.quoted).joined(separator: " ")
        for shell in Self.shells {
            let output = try await commands.run(shell[0], shell.dropFirst() + ["-c", line])
            #expect(output.text == words.map { $0 + "\0" }.joined())
        }
    }

    @Test func pathsThatSSHWouldExpandAreRefusedOrEscaped() throws {
        #expect(try SSHAccess.quoted("/root/my keys/50%") == "\"/root/my keys/50%%\"")
        for path in ["keys/a", "/a\"b", "/a\\b", "/${HOME}/a", "/a\nProxyCommand id"] {
            #expect(throws: HostError.self) { try SSHAccess.quoted(path) }
        }
    }
}
