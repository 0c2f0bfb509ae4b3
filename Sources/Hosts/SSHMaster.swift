import Subprocess
import Synchronization

/// The process that holds a connection for the others.
final class SSHMaster: Sendable {
    /// What it runs on the host: says that it is there, then waits for the end of its input, which is ours to give.
    static let command = "echo ready; exec cat >/dev/null"

    private struct State {
        var isOpen = false
        var lastWords = ""
    }

    private let state = Mutex(State())
    private let lines: AsyncStream<Void>
    private let line: AsyncStream<Void>.Continuation
    private let held: AsyncStream<Void>
    private let hold: AsyncStream<Void>.Continuation

    init() {
        (lines, line) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        (held, hold) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    var isOpen: Bool { state.withLock { $0.isOpen } }

    /// What ssh wrote to standard error before it ended.
    var lastWords: String { state.withLock { $0.lastWords } }

    /// Waits until the connection is there.
    func ready(_ access: SSHAccess) async throws(HostError) {
        for await _ in lines { return }
        throw .unreachable(SSHMaster.explain(lastWords, access))
    }

    /// Lets the connection end, once the sessions in it have.
    func close() { hold.finish() }

    /// Runs the process until it ends.
    func live(_ configuration: Configuration) async {
        var words = ""
        do {
            let result = try await Subprocess.run(
                configuration, input: .inputWriter, output: .sequence, error: .bytes(limit: CommandRunner.errorLimit)
            ) { execution in
                let writer = execution.standardInputWriter
                let held = held
                let holding = Task {
                    for await _ in held {}
                    try? await writer.finish()
                }
                do {
                    for try await text in execution.standardOutput.strings() where text == "ready" {
                        state.withLock { $0.isOpen = true }
                        line.yield()
                    }
                } catch {
                    // Whoever writes without end is not the command above.
                }
                state.withLock { $0.isOpen = false }
                hold.finish()
                await holding.value
            }
            words = CommandText.firstLines(result.standardError, lines: 40, characters: 4000)
        } catch {
            words = CommandText.printable("\(error)")
        }
        state.withLock {
            $0.isOpen = false
            $0.lastWords = words
        }
        hold.finish()
        line.finish()
    }

    /// What ssh said of a connection that it could not make, in a sentence.
    static func explain(_ words: String, _ access: SSHAccess) -> String {
        let presented = words.firstMatch(of: /SHA256:[A-Za-z0-9+\/]{20,50}/).map { ", but \($0.output)" } ?? ""
        let isChanged = words.contains("IDENTIFICATION HAS CHANGED")
        if words.contains("Host key verification failed") || words.contains("host key is known for") || isChanged {
            switch access.trust {
            case .key: return "\(access.shown) presents another key than its manifest's hostKey\(presented)"
            case .file(let file):
                return isChanged
                    ? "\(access.shown) presents another key than \(CommandText.printable(file)) has\(presented)"
                    : "\(CommandText.printable(file)) has no key of \(access.shown); pin it as hostKey, or add it there"
            }
        }
        return "ssh \(access.shown): " + (words.isEmpty ? "it ended without a word" : String(words.prefix(600)))
    }
}
