import Synchronization

/// Events on their way to one reader, at most so many. Where they come faster than they are read, the oldest are lost, and
/// the reader is told how many (`WatchEvent.untold`) before it gets the next one.
final class EventStream: AsyncSequence, Sendable {
    typealias Element = EventBroadcast.TimedEvent

    private let stream: AsyncStream<Element>
    private let continuation: AsyncStream<Element>.Continuation
    private let lost = Atomic(0)

    /// - Parameter end: Called when nobody reads any more.
    init(limit: Int, end: @escaping @Sendable () -> Void) {
        (stream, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(limit))
        continuation.onTermination = { _ in end() }
    }

    func yield(_ event: Element) {
        if case .dropped = continuation.yield(event) { lost.add(1, ordering: .relaxed) }
    }

    func finish() { continuation.finish() }

    func makeAsyncIterator() -> Iterator { Iterator(owner: self, base: stream.makeAsyncIterator()) }

    /// Reads them, for one reader.
    struct Iterator: AsyncIteratorProtocol {
        fileprivate let owner: EventStream
        fileprivate var base: AsyncStream<Element>.Iterator
        private var held: Element?

        fileprivate init(owner: EventStream, base: AsyncStream<Element>.Iterator) {
            self.owner = owner
            self.base = base
        }

        mutating func next() async -> Element? {
            if let held {
                self.held = nil
                return held
            }
            guard let event = await base.next() else { return nil }
            let count = owner.lost.exchange(0, ordering: .relaxed)
            guard count > 0 else { return event }
            held = event
            return Element(time: event.time, event: .untold(count: count))
        }
    }
}
