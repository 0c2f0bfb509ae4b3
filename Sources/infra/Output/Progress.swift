import Foundation
import Model
import Planning
import Reconciler
import Synchronization

/// Tells an apply as it happens: on a terminal a line that changes in place, elsewhere a line an event, with JSON an
/// object a line.
final class Progress: Sendable {
    private struct State {
        var running: [String: String] = [:]
        var done = 0
        var total = 0
        var isLineOpen = false
    }

    private let state = Mutex(State())
    private let format: OutputFormat
    private let isAnimated: Bool

    init(_ format: OutputFormat) {
        self.format = format
        isAnimated = format == .text && Console.isAnimated
    }

    /// The steps that run now, for a reader.
    var running: [String] { state.withLock { $0.running.keys.sorted() } }

    /// Takes an event.
    func take(_ event: ApplyEvent) {
        guard format == .text else {
            if let line = try? JSONOutput.line(event) { Console.output(line) }
            return
        }
        state.withLock { state in
            if let line = line(event, &state) { print(line, &state) }
            if isAnimated { printRunning(&state) }
        }
    }

    private func line(_ event: ApplyEvent, _ state: inout State) -> String? {
        switch event {
        case .started(let steps):
            state.total = steps.count
            return nil
        case .stepStarted(let step, let resource, let verb):
            state.running[step] = "\(resource): \(verb)"
            return isAnimated ? nil : "\(resource): \(verb)…"
        case .stepProgress(let step, let resource, let bytes, let total, let percent):
            let way = "\(ByteCount(bytes).rounded) of \(ByteCount(total).rounded) (\(percent)%)"
            state.running[step] = "\(resource): \(Self.verb(of: step, state)), \(way)"
            return nil
        case .stepDone(let step, let resource, let milliseconds):
            let verb = Self.verb(of: step, state)
            state.running[step] = nil
            state.done += 1
            return "\(resource): \(verb): done after \(Self.seconds(milliseconds))"
        case .stepFailed(let step, let resource, let outcome, let error):
            state.running[step] = nil
            let word = outcome == .unknown ? "outcome unknown" : "failed"
            return "\(resource): \(word): \(TerminalText.safe(error))"
        case .stepSkipped(_, let resource, let reason): return "\(resource): not tried: \(TerminalText.safe(reason))"
        case .stopping(let reason): return "Stopping: \(reason). The steps that run are finished; none is begun."
        case .verified: return nil
        }
    }

    /// What a step that runs does, without how far it has come.
    private static func verb(of step: String, _ state: State) -> String {
        state.running[step].map { String($0.drop { $0 != ":" }.dropFirst(2).prefix { $0 != "," }) } ?? ""
    }

    private func print(_ line: String, _ state: inout State) {
        Console.output((state.isLineOpen ? "\r\u{1b}[K" : "") + line + "\n")
        state.isLineOpen = false
    }

    private func printRunning(_ state: inout State) {
        guard !state.running.isEmpty else {
            if state.isLineOpen { Console.output("\r\u{1b}[K") }
            state.isLineOpen = false
            return
        }
        let names = state.running.values.sorted().joined(separator: " · ")
        let text = "[\(state.done)/\(state.total)] \(names)"
        // A line that is wrapped could not be cleared as one.
        Console.output("\r\u{1b}[K" + String(text.prefix(max(1, Console.columns - 1))))
        state.isLineOpen = true
    }

    private static func seconds(_ milliseconds: Int) -> String {
        "\(milliseconds / 1000).\(milliseconds % 1000 / 100)s"
    }
}
