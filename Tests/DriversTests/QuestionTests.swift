import Foundation
import Testing

@testable import Hosts

/// Questions that are asked together, and get the answers that they get alone.
@Suite struct QuestionTests {
    let commands = CommandRunner()

    private func shell(
        _ script: String, _ arguments: [String] = [], deadline: Duration = .seconds(20), limit: Int = 1 << 20
    ) -> HostQuestion<String> {
        .text(CommandCall("bash", ["-c", script, "x"] + arguments, deadline: deadline, outputLimit: limit))
    }

    @Test func eachHasItsAnswer() async throws {
        let (words, failed, missing, zeros, empty, recovered) = await commands.ask(
            together: shell(#"printf '%s|' "$@""#, ["a b", "", "$(id)", "*", "-n", "2"]),
            shell("echo shown; echo why >&2; exit 3"), .text(CommandCall("no-such-program", [])),
            shell(#"printf '\0\0a\0'"#), .text(CommandCall("true", [])),
            HostQuestion(
                CommandCall("false", []), recover: { (_) throws(HostError) in "none" },
                read: { output throws(HostError) in output.text }))
        #expect(try words.get() == "a b||$(id)|*|-n|2|")
        #expect(failed == .failure(.command(program: "bash", status: 3, standardError: "why")))
        #expect(missing == .failure(.command(program: "no-such-program", status: 127, standardError: "not installed")))
        #expect(try zeros.get() == "\0\0a\0")
        #expect(try empty.get() == "")
        #expect(try recovered.get() == "none")
    }

    /// What a command writes does not know the border, and is bounded for each.
    @Test("hostile host output: borders of an earlier run, too much, half a character") func bordersAreNotGuessed()
        async
    {
        let series = CommandSeries([CommandCall("printf", []), CommandCall("printf", [])])
        let other = #"\0aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee\0000\0"#
        let (forged, large, half, whole) = await commands.ask(
            together: .text(CommandCall("printf", [other])), shell("head -c 2000 /dev/zero", limit: 1000),
            .text(CommandCall("printf", ["\\303"])), .text(CommandCall("echo", ["whole"])))
        #expect(forged == .success("\0aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee\0" + "0\0"))
        #expect(large == .failure(.unreadable("bash wrote more than the 1000B that are read")))
        #expect(half == .failure(.unreadable("printf wrote something that is not UTF-8")))
        #expect(whole == .success("whole\n"))
        // Half of what was written is no answer to anything.
        let bytes: [UInt8] = Array("b\0one\0b\0".utf8) + Array("0\0".utf8) + Array("two\0b\0".utf8) + Array("0\0".utf8)
        let errors = Array("b\0\0b\0\0b\0".utf8)
        let results = try? series.outputs(.init(status: 0, output: bytes, error: errors))
        #expect(results?.map { try? $0.get().text } == ["one", "two"])
        for length in bytes.indices {
            #expect(throws: HostError.self, "\(length) bytes") {
                try series.outputs(.init(status: 0, output: Array(bytes[..<length]), error: errors))
            }
        }
    }

    /// One that hangs has no answer; the others have theirs, and are asked by themselves for it.
    @Test func oneThatHangsKeepsNobodyElse() async {
        let (first, hanging, last) = await commands.ask(
            together: shell("echo first"), shell("exec sleep 600", deadline: .seconds(1)), shell("echo last"))
        #expect(first == .success("first\n"))
        #expect(hanging == .failure(.deadline(call: "bash")))
        #expect(last == .success("last\n"))
    }
}
