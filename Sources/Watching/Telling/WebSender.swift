import Foundation
import Hosts

/// Sends JSON by `curl`, with everything that may be a secret on its standard input.
///
/// A program instead of FoundationNetworking, which every start of this program would load, also one that sends nothing.
struct WebSender: Sendable {
    /// What became of a message.
    enum Outcome: Hashable, Sendable {
        case delivered
        /// Not now; the reason is ours, never what the other side said.
        case failed(String)
        /// The other side will not take it later, either.
        case refused(String)
    }

    /// A message.
    struct Message: Sendable {
        var address: WebAddress
        var fields: [String]
        var body: Data
    }

    let commands = CommandRunner()
    let deadline: Duration

    func send(_ message: Message) async -> Outcome {
        var lines = [
            "url = \(quoted(message.address.text))", "request = \"POST\"",
            "header = \"Content-Type: application/json\"", "header = \"User-Agent: infra\"",
            // Begins with a brace, so it is no file's name.
            "data-raw = \(quoted(String(decoding: message.body, as: UTF8.self)))",
        ]
        lines += message.fields.map { "header = \(quoted($0))" }
        let seconds = max(1, Int(deadline.components.seconds))
        do throws(HostError) {
            // No redirection is followed: a token is for nobody else.
            let output = try await commands.run(
                "curl",
                [
                    "--disable", "--silent", "--globoff", "--proto", "=https,http", "--max-time", "\(seconds)",
                    "--max-filesize", "1048576", "--output", "/dev/null", "--write-out", "%{http_code}", "--config",
                    "-",
                ], input: .bytes(Array((lines.joined(separator: "\n") + "\n").utf8)),
                deadline: deadline + .seconds(2), outputLimit: 64)
            let code = Int(output.text) ?? 0
            switch code {
            case 200...299: return .delivered
            case 408, 425, 429, 500...599: return .failed("it answered \(code)")
            default: return .refused("it answered \(code)")
            }
        } catch {
            if case .command(_, let status, _) = error { return .failed(Self.reason(status)) }
            return .failed("curl did not end in time")
        }
    }

    /// As curl(1) reads a quoted parameter.
    private func quoted(_ text: String) -> String {
        var result = "\""
        for character in text {
            switch character {
            case "\\", "\"": result += "\\\(character)"
            case "\n", "\r\n", "\r": result += "\\n"
            default: result.append(character)
            }
        }
        return result + "\""
    }

    /// The exit codes of curl(1) that are met here. Its own words may hold the address.
    private static func reason(_ status: Int) -> String {
        switch status {
        case 6: "its name is not known"
        case 7: "nobody listens there"
        case 28: "it did not answer in time"
        case 35, 51, 58, 60, 77: "its certificate or TLS is not good"
        case 52, 56: "it ended the connection"
        case 127: "curl is not installed"
        default: "curl ended with exit code \(status)"
        }
    }
}
