/// A watcher's counters, as it tells them on loopback.
struct WatcherMetrics: Hashable, Sendable {
    /// Looks at the branch that went well.
    var polls = 0
    /// Reads of everything on the hosts.
    var whole = 0
    /// Reads of what events told of.
    var event = 0
    /// Differences that no event told.
    var missed = 0

    /// The counters, once it has polled that often.
    static func read(port: Int, polls: Int = 0) async throws -> WatcherMetrics {
        while true {
            var metrics = WatcherMetrics()
            let text = try await sh(#"curl -fsS "http://127.0.0.1:$1/metrics""#, "\(port)")
            func value(_ name: String) -> Int {
                text.split(separator: "\n").first { $0.hasPrefix(name + " ") }
                    .flatMap { Int($0.dropFirst(name.count + 1)) } ?? -1
            }
            metrics.polls = value(#"infra_git_polls_total{result="ok"}"#)
            metrics.whole = value(#"infra_host_reads_total{scope="all"}"#)
            metrics.event = value(#"infra_host_reads_total{scope="event"}"#)
            metrics.missed = value("infra_events_missed_total")
            guard metrics.polls < polls else { return metrics }
            try await Task.sleep(for: .milliseconds(500))
        }
    }
}
