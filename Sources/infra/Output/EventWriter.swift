import Foundation
import Model
import Watching

/// Writes events to standard output as they happen, by a thread of its own: whoever reads slowly, or not at all, holds up
/// nothing else, and loses the oldest.
///
/// Unchecked because every access to the variables below is made with the condition locked.
final class EventWriter: WatchEventSink, @unchecked Sendable {
    /// How many events wait for a reader.
    private static let limit = 10_000

    private let format: OutputFormat
    private let condition = NSCondition()
    private var waiting: [EventBroadcast.TimedEvent] = []
    private var lost = 0
    private var isWriting = false
    private var ends: [AsyncStream<Void>.Continuation] = []

    init(format: OutputFormat) {
        self.format = format
        Thread.detachNewThread { [self] in
            while true { write(next()) }
        }
    }

    func take(_ event: WatchEvent, at time: Date) async {
        condition.withLock {
            if waiting.count == Self.limit {
                waiting.removeFirst()
                lost += 1
            }
            waiting.append(EventBroadcast.TimedEvent(time: time, event: event))
            condition.signal()
        }
    }

    /// Waits until all is written, at most that long: perhaps nobody reads.
    func finish(within limit: Duration) async {
        let (all, end) = AsyncStream.makeStream(of: Void.self)
        condition.withLock {
            if waiting.isEmpty, !isWriting { end.finish() } else { ends.append(end) }
        }
        try? await withDeadline(limit, late: CancellationError()) { () throws(CancellationError) in
            for await _ in all {}
        }
    }

    private func next() -> [EventBroadcast.TimedEvent] {
        condition.withLock {
            isWriting = false
            if waiting.isEmpty {
                for end in ends { end.finish() }
                ends = []
            }
            while waiting.isEmpty { condition.wait() }
            isWriting = true
            let event = waiting.removeFirst()
            guard lost > 0 else { return [event] }
            defer { lost = 0 }
            return [EventBroadcast.TimedEvent(time: event.time, event: .untold(count: lost)), event]
        }
    }

    private func write(_ events: [EventBroadcast.TimedEvent]) {
        for timed in events {
            switch format {
            case .text:
                let stamp = timed.time.formatted(.iso8601)
                Console.output(EventLines.lines(timed.event).map { "\(stamp) \($0)\n" }.joined())
            case .json: if let line = try? JSONOutput.line(timed) { Console.output(line) }
            }
        }
    }
}
