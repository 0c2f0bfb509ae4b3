import Dispatch
import Foundation
import Hosts
import Model
import Reconciler
import Synchronization

/// Shows the status again and again: when something happens on the hosts, at most once a second, and each minute in any
/// case, since not everything that happens is told.
struct StatusWatch {
    private enum Wake {
        case event
        case interrupted
    }

    let command: StatusCommand
    let input: FleetInput

    /// Whether the hosts were as declared when they were last seen. Ends with Ctrl-C or SIGTERM.
    func run() async -> Bool {
        // Only the newest counts: several events are one reason to look again.
        let (wakes, wake) = AsyncStream.makeStream(of: Wake.self, bufferingPolicy: .bufferingNewest(1))
        let isInterrupted = Flag()
        let signals = [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                isInterrupted.set()
                wake.yield(.interrupted)
            }
            source.activate()
            return source
        }
        defer { for signal in signals { signal.cancel() } }
        let settings = command.run.settings
        let listeners = input.manifest.hosts.filter { !$0.spec.offline }.map { host in
            Task { await Self.listen(host, settings) { wake.yield(.event) } }
        }
        defer { for listener in listeners { listener.cancel() } }
        var isConverged = false
        var iterator = wakes.makeAsyncIterator()
        while !isInterrupted.isSet {
            isConverged = (try? await command.show(input, clearing: Console.isAnimated)) ?? false
            let minute = Task {
                try await Task.sleep(for: .seconds(60))
                wake.yield(.event)
            }
            // A burst of events is one.
            let pause = Task { try await Task.sleep(for: .seconds(1)) }
            if case .interrupted? = await iterator.next() {
                minute.cancel()
                break
            }
            minute.cancel()
            _ = await pause.result
        }
        return isConverged
    }

    /// Tells of events for ever. While libvirt is away its return is looked for now and then.
    private static func listen(_ host: KVMHost, _ settings: RunSettings, _ tell: @Sendable () -> Void) async {
        let deadline = settings.observationDeadline
        while !Task.isCancelled {
            if let reach = try? await HostReach.open(host, keys: settings.sshKeys, deadline: deadline),
                let events = try? await reach.events(deadline: deadline)
            {
                tell()
                for await _ in events { tell() }
                withExtendedLifetime(reach) {}
            }
            try? await Task.sleep(for: .seconds(5))
        }
    }

    private final class Flag: Sendable {
        private let value = Atomic(false)
        var isSet: Bool { value.load(ordering: .acquiring) }
        func set() { value.store(true, ordering: .releasing) }
    }
}
