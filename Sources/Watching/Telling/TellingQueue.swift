import Logging

/// Messages on their way, one after the other, in an order that stays. Whoever adds one never waits.
final class TellingQueue: Sendable {
    /// How many messages wait at most; the oldest go first.
    static let limit = 64

    private let continuation: AsyncStream<WebSender.Message>.Continuation
    private let task: Task<Void, Never>

    /// - Parameters:
    ///   - pauses: how long to wait before each further try.
    init(_ name: String, sender: WebSender, pauses: [Duration]) {
        let (stream, continuation) = AsyncStream.makeStream(
            of: WebSender.Message.self, bufferingPolicy: .bufferingNewest(Self.limit))
        self.continuation = continuation
        let log = Logger(label: "infra.telling")
        task = Task {
            for await message in stream {
                if let reason = await Self.deliver(message, sender, pauses) {
                    log.warning("\(name) at \(message.address.host) was not told: \(reason)")
                }
                // At the end there may be many left, and nobody reads a line about each.
                if Task.isCancelled { return }
            }
        }
    }

    deinit {
        continuation.finish()
        task.cancel()
    }

    func add(_ message: WebSender.Message) { continuation.yield(message) }

    /// Takes no more, and waits until the rest is delivered or the time is over.
    func finish(within limit: Duration) async {
        continuation.finish()
        let watch = Task {
            try await Task.sleep(for: limit)
            task.cancel()
        }
        await task.value
        watch.cancel()
    }

    /// Why it could not be delivered.
    private static func deliver(
        _ message: WebSender.Message, _ sender: WebSender, _ pauses: [Duration]
    ) async -> String? {
        var reason: String?
        for pause in [.zero] + pauses {
            if pause > .zero, (try? await Task.sleep(for: pause)) == nil { return reason }
            if Task.isCancelled { return reason ?? "there was no time left" }
            switch await sender.send(message) {
            case .delivered: return nil
            case .refused(let why): return why
            case .failed(let why): reason = why
            }
        }
        return reason
    }
}
