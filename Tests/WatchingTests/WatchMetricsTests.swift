import Foundation
import Model
import Testing

@testable import Watching

@Suite struct WatchMetricsTests {
    private func filled() async throws -> WatchMetrics {
        let metrics = WatchMetrics(version: "0.1.0", started: Date(timeIntervalSince1970: 1_700_000_000))
        let commit = CommitSummary.sample(1)
        let converged = WatchEvent.converged(commit: commit.id, deferred: [], milliseconds: 1)
        let time = Date(timeIntervalSince1970: 1_800_000_000)
        for event in [.leading] + (try events(of: commit, end: converged))
            + (try events(of: commit, end: converged, cause: .drift))
            + [.commitRefused(.sample(2), reasons: []), .eventsMissed(resources: [ResourceID(.network, "lan")])]
        {
            await metrics.take(event, at: time)
        }
        metrics.polled(failed: false)
        metrics.polled(failed: true)
        return metrics
    }

    @Test func whatHappenedIsCounted() async throws {
        let text = try await filled().text
        for line in [
            #"infra_commits_total{result="arrived"} 2"#, #"infra_commits_total{result="refused"} 1"#,
            #"infra_commits_total{result="held"} 0"#, #"infra_steps_total{outcome="done"} 2"#,
            #"infra_applies_total{cause="drift"} 1"#, "infra_drift_mended_total 1", "infra_events_missed_total 1",
            #"infra_git_polls_total{result="failed"} 1"#, "infra_leader 1",
            "infra_last_converged_timestamp_seconds 1800000000", #"infra_build_info{version="0.1.0"} 1"#,
        ] {
            #expect(text.contains("\n\(line)\n"), "\(line)")
        }
    }

    /// Every line has the form of the exposition format, and every family its help, its type and no series twice.
    @Test func theFormatIsPrometheus() async throws {
        let text = try await filled().text
        let sample = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{[a-zA-Z_][a-zA-Z0-9_]*="[^"\\\n]*"\})? (-?[0-9]+(\.[0-9]+)?)$/
        var types: [String: String] = [:]
        var series: Set<String> = []
        #expect(text.hasSuffix("\n"))
        for line in text.dropLast().split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
            let words = line.split(separator: " ")
            if line.hasPrefix("# HELP ") { continue }
            if line.hasPrefix("# TYPE ") {
                #expect(types.updateValue(String(words[3]), forKey: String(words[2])) == nil)
                continue
            }
            let match = try #require(line.wholeMatch(of: sample), "\(line)")
            let name = String(match.1)
            let type = try #require(types[name], "\(line)")
            #expect((type == "counter") == name.hasSuffix("_total"), "\(line)")
            #expect(series.insert(String(words[0])).inserted, "\(line)")
        }
        #expect(series.count > 20)
    }
}
