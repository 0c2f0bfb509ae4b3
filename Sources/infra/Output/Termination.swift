import Dispatch
import Foundation

/// Ctrl-C and SIGTERM as a wish to end; a second one ends at once.
final class Termination: Sendable {
    // Made here, kept so that they live, cancelled at the end.
    private nonisolated(unsafe) let sources: [any DispatchSourceSignal]

    init(_ wish: @escaping @Sendable (String) -> Void) {
        let queue = DispatchQueue(label: "infra.termination")
        let isAsked = Flag()
        sources = [(SIGINT, "Ctrl-C"), (SIGTERM, "SIGTERM")].map { number, name in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler {
                if isAsked.set() { Exit.leave(Exit.failed) }
                wish(name)
            }
            source.activate()
            return source
        }
    }

    func cancel() { for source in sources { source.cancel() } }

    /// Touched on the queue alone.
    private final class Flag: @unchecked Sendable {
        private var isSet = false

        func set() -> Bool {
            defer { isSet = true }
            return isSet
        }
    }
}
