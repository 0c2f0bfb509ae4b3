import Dispatch
import Foundation
import Synchronization

/// Ctrl-C and SIGTERM: the first asks for an end after the running steps, the second leaves at once and says what still
/// runs on the hosts.
final class Interrupts: Sendable {
    private final class Counter: Sendable {
        let times = Mutex(0)
    }

    private let counter: Counter
    // Made here, kept so that they live, never touched again.
    private nonisolated(unsafe) let sources: [any DispatchSourceSignal]

    /// Watches from now on.
    /// - Parameter running: Asked on the second one for what still runs.
    init(running: @escaping @Sendable () -> [String]) {
        let counter = Counter()
        let queue = DispatchQueue(label: "infra.interrupts")
        self.counter = counter
        sources = [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler { Self.arrived(counter, running) }
            source.activate()
            return source
        }
    }

    /// Why no further step is to begin; nil to go on.
    var reason: String? { counter.times.withLock { $0 > 0 ? "interrupted" : nil } }

    private static func arrived(_ counter: Counter, _ running: () -> [String]) {
        let times = counter.times.withLock { count in
            count += 1
            return count
        }
        guard times > 1 else {
            Console.error("\nInterrupted: finishing the running steps. Once more leaves at once.")
            return
        }
        let steps = running()
        Console.error(steps.isEmpty ? "Left." : "Left while these steps were running; their outcome is unknown:")
        for step in steps { Console.error("  \(step)") }
        Exit.leave(Exit.failed)
    }
}
