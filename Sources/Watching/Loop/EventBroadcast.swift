public import Foundation
import Synchronization

/// Hands every event to its sinks, in order, and to whoever listens for a while.
public final class EventBroadcast: Sendable {
    private let sinks: [any WatchEventSink]
    /// How many events wait for a reader.
    static let limit = 10_000

    private let listeners = Mutex<[UUID: EventStream]>([:])
    private let queue: EventStream
    private let delivery: Task<Void, Never>

    /// An event and when it happened.
    public struct TimedEvent: Sendable, Codable {
        /// When.
        public var time: Date
        /// What.
        public var event: WatchEvent

        /// An event at a time.
        public init(time: Date, event: WatchEvent) {
            self.time = time
            self.event = event
        }
    }

    /// Hands events to these.
    public init(_ sinks: [any WatchEventSink]) {
        self.sinks = sinks
        let queue = EventStream(limit: Self.limit) {}
        self.queue = queue
        delivery = Task {
            for await timed in queue {
                for sink in sinks { await sink.take(timed.event, at: timed.time) }
            }
        }
    }

    /// Tells an event.
    public func tell(_ event: WatchEvent) {
        let timed = TimedEvent(time: .now, event: event)
        // Under the lock, so that everybody hears everything in one order.
        listeners.withLock { listeners in
            for listener in listeners.values { listener.yield(timed) }
            queue.yield(timed)
        }
    }

    /// The events from now on, for as long as somebody reads them. One that reads too slowly loses the oldest.
    func listen() -> EventStream {
        let id = UUID()
        let stream = EventStream(limit: Self.limit) { [weak self] in
            self?.listeners.withLock { _ = $0.removeValue(forKey: id) }
        }
        listeners.withLock { $0[id] = stream }
        return stream
    }

    /// Ends, once every sink has everything.
    public func finish() async {
        queue.finish()
        // Outside the lock, which their end takes.
        for listener in listeners.withLock({ Array($0.values) }) { listener.finish() }
        await delivery.value
    }
}
