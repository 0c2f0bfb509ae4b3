import Foundation
import TestSupport
import Testing

extension LiveTests {
    /// A watcher that finds nothing new, again and again, grows neither in memory nor in descriptors.
    @Suite struct WatchPollTests {
        @Test func fiftyPolls() async throws { try await PollTrial.run(polls: 50, vni: 7828) }
    }
}

/// The same for long. `make campaign`.
@Suite(
    .enabled(if: ProcessInfo.processInfo.environment["INFRA_CAMPAIGN"] != nil, "run by make campaign"), .serialized)
struct WatchPollCampaign {
    @Test func tenThousandPolls() async throws { try await PollTrial.run(polls: 10_000, vni: 7829) }
}

private enum PollTrial {
    static func run(polls: Int, vni: Int) async throws {
        try await withWatched("polls-\(vni)") { watched in
            try watched.fleet.writeBase(vni: vni)
            try watched.fleet.writeQuiet("a", address: 11)
            let first = try await watched.commit("One")
            try await watched.push()
            let port = try TestServer.freePort()
            try await watched.watching(
                "--interval", "100ms", "--listen", "127.0.0.1:\(port)", seconds: 300 + polls
            ) { watcher in
                try await watcher.next("converged", of: first)
                // By then it has its pools of memory and threads.
                let warm = try await WatcherMetrics.read(port: port, polls: 20)
                let before = try await watcher.size()
                let end = try await WatcherMetrics.read(port: port, polls: warm.polls + polls)
                let after = try await watcher.size()
                print("\(end.polls - warm.polls) polls: memory in KiB and descriptors \(before), then \(after)")
                #expect(after.memory - before.memory < 8 << 10 && after.descriptors <= before.descriptors + 1)
            }
        }
    }
}
