import Subprocess
import Synchronization

/// The conversation with the process that holds a host's lock: a line to it now and then, its answers noted.
final class HostLockPulse: Sendable {
    /// What the process says.
    enum Word: Hashable, Sendable {
        /// It holds the lock.
        case held
        /// It still does, and answers what was asked so many milliseconds after the conversation began.
        case alive(Int)
        /// Another process holds it.
        case locked(holder: String)
        /// The lock is free, but commands of an earlier holder still run.
        case busy(holder: String)
        /// The lock's files are not as they must be.
        case refused(String)

        /// Reads a line; nil for one that the helper does not write.
        init?(line: String) {
            let parts = line.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
            let rest = CommandText.printable(String(parts.dropFirst().joined().prefix(300)))
            switch parts.first {
            case "held": self = .held
            case "alive": self = .alive(Int(rest) ?? 0)
            case "locked": self = .locked(holder: rest)
            case "busy": self = .busy(holder: rest)
            case "refused": self = .refused(rest)
            default: return nil
            }
        }
    }

    private struct State {
        /// When the question was put that it answered last by holding the lock; nil before, and after its end. Not when the
        /// answer was read: this process may have been stopped meanwhile.
        var lastAnswer: ContinuousClock.Instant?
        /// Given up; a late answer changes nothing any more.
        var stopped = false
        var lastWords = ""
    }

    /// What the process says, until it ends.
    let words: AsyncStream<Word>
    private let word: AsyncStream<Word>.Continuation
    private let ticks: AsyncStream<Void>
    private let ticker: AsyncStream<Void>.Continuation
    private let state = Mutex(State())
    private let began = ContinuousClock.now

    init() {
        (words, word) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(64))
        (ticks, ticker) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// What the process wrote to standard error before it ended.
    var lastWords: String { state.withLock { $0.lastWords } }

    /// Whether it holds the lock and said so within that time.
    func isHeld(within limit: Duration) -> Bool {
        state.withLock { state in
            guard let last = state.lastAnswer else { return false }
            return ContinuousClock.now - last < limit
        }
    }

    /// Sends a line. False once the conversation is over.
    func tick() -> Bool {
        if case .terminated = ticker.yield() { false } else { true }
    }

    /// Ends the conversation: nothing is held from now on, and the process sees the end of its input.
    func stop() {
        state.withLock { state in
            state.lastAnswer = nil
            state.stopped = true
        }
        ticker.finish()
    }

    /// Runs the process until it ends.
    /// - Parameter first: what is written to it before all else.
    func live(_ configuration: Configuration, first: [UInt8]) async {
        var lastWords = ""
        do {
            let result = try await Subprocess.run(
                configuration, input: .inputWriter, output: .sequence, error: .bytes(limit: CommandRunner.errorLimit)
            ) { execution in
                let writer = execution.standardInputWriter
                let ticks = ticks
                let feeding = Task {
                    do {
                        _ = try await writer.write(first)
                        for await _ in ticks {
                            _ = try await writer.write("\(Int((ContinuousClock.now - began) / .milliseconds(1)))\n")
                        }
                    } catch {
                        // It has ended; the end of its output tells.
                    }
                    try? await writer.finish()
                }
                do {
                    for try await line in execution.standardOutput.strings() { note(line) }
                } catch {
                    // An endless line, say: whoever speaks so is not our helper.
                }
                ticker.finish()
                await feeding.value
            }
            lastWords = CommandText.firstLines(result.standardError)
        } catch {
            lastWords = CommandText.printable("\(error)")
        }
        state.withLock {
            $0.lastAnswer = nil
            $0.lastWords = lastWords
        }
        ticker.finish()
        word.finish()
    }

    private func note(_ line: String) {
        guard let said = Word(line: line) else { return }
        let asked: ContinuousClock.Instant? =
            switch said {
            case .held: .now
            case .alive(let milliseconds): began + .milliseconds(milliseconds)
            case .locked, .busy, .refused: nil
            }
        if let asked {
            state.withLock { state in
                if !state.stopped { state.lastAnswer = asked }
            }
        }
        word.yield(said)
    }
}
