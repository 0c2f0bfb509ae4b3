import Dispatch
import Foundation
import Synchronization

/// Ctrl-C and SIGTERM: the first asks for an end after the running steps, the second leaves at once and says what still
/// runs on the hosts.
final class Interrupts: Sendable {
    private let count = Mutex(0)
    private let sources: Mutex<[any DispatchSourceSignal]> = Mutex([])
    private let queue = DispatchQueue(label: "infra.interrupts")

    /// Watches from now on.
    /// - Parameter running: Asked on the second one for what still runs.
    init(running: @escaping @Sendable () -> [String]) {
        for number in [SIGINT, SIGTERM] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler { [weak self] in self?.arrived(running) }
            source.activate()
            sources.withLock { $0.append(source) }
        }
    }

    /// Why no further step is to begin; nil to go on.
    var reason: String? { count.withLock { $0 > 0 ? "interrupted" : nil } }

    private func arrived(_ running: () -> [String]) {
        let times = count.withLock { count in
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
        Foundation.exit(Exit.failed)
    }
}
