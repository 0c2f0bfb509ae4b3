import Hosts
import Model
import Reconciler

/// Wakes the watcher when something happens on a host. Without events everything is still read now and then.
struct HostListener: Sendable {
    let host: KVMHost
    let watcher: Watcher
    let keys: SSHKeys
    let deadline: Duration

    /// Listens until it is cancelled, over a new connection after each loss.
    func run() async {
        let name = host.metadata.identity
        var failures = 0
        var told: String?
        while !Task.isCancelled {
            do throws(HostError) {
                let reach = try await HostReach.open(host, keys: keys, deadline: deadline)
                let stream = try await reach.events(deadline: deadline)
                if told != nil {
                    watcher.events.tell(.hostEvents(host: name, reason: nil))
                    // What happened in between is not known.
                    watcher.hostChanged(name)
                }
                told = nil
                failures = 0
                for await event in stream {
                    if case .lost(let reason) = event { throw .unreachable(reason) }
                    watcher.hostChanged(name, HostChanges(event))
                }
                withExtendedLifetime(reach) {}
                return
            } catch {
                failures += 1
                if told != "\(error)", !Task.isCancelled {
                    watcher.events.tell(.hostEvents(host: name, reason: "\(error)"))
                    watcher.hostChanged(name)
                }
                told = "\(error)"
            }
            try? await Task.sleep(for: Backoff.pause(after: min(failures, 4), .random(in: -1...1)))
        }
    }
}
