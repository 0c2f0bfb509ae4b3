import Foundation
import Testing

extension LiveTests {
    /// Who comes while a watcher's apply is at work: a newer commit, an apply by hand, SIGTERM. What takes its time is
    /// restarting a machine without a system, which does not hear the power button.
    @Suite struct WatchTurnLiveTests {
        @Test func whatComesDuringAStepTakesItsTurn() async throws {
            try await withWatched("turns") { watched in
                let fleet = watched.fleet
                try fleet.writeBase(vni: 7823)
                try fleet.writePolicy("unattended: restart")
                try fleet.writeDeaf("a", address: 11)
                try fleet.writeQuiet("b", address: 12)
                let first = try await watched.commit("Two")
                try await watched.push()
                try await watched.watching("--parallelism", "1", "--grace", "10s") { watcher in
                    try await watcher.next("converged", of: first)
                    try await aNewerCommitTakesOver(watched, watcher)
                    try await theSignalEndsNoStep(watched, watcher)
                }
            }
        }

        private func aNewerCommitTakesOver(_ watched: WatchedFleet, _ watcher: RunningWatcher) async throws {
            let fleet = watched.fleet
            try fleet.edit("a.yaml", "memory: 128MiB", "memory: 160MiB")
            try fleet.edit("b.yaml", "cpu: 1", "cpu: 2")
            let second = try await watched.commit("Both change")
            try await watched.push()
            try await watcher.step("stepStarted", "VirtualMachine/a/restart")
            try fleet.edit("b.yaml", "cpu: 2", "cpu: 3")
            let third = try await watched.commit("Another number")
            try await watched.push()
            try await watcher.next("commitArrived", of: third)
            // An apply by hand does not come between the steps either, and one that waits gets its turn.
            let refused = try await fleet.apply()
            let process = await watcher.id
            #expect(refused.status == 4 && refused.error.contains("pid \(process) since "), "\(refused)")
            let waiting = Task { try await fleet.apply("--lock-timeout", "100s") }
            let skipped = try await watcher.step("stepSkipped", "VirtualMachine/b/update")
            #expect(skipped.commit == second)
            #expect(skipped.description.contains("commit \(third.prefix(10)) takes over"), "\(skipped)")
            try await watcher.next("converged", of: third)
            let applied = try await waiting.value
            #expect(applied.status == 0 && applied.lastLine == "No changes.", "\(applied)")
            #expect(try await sizes() == "163840 1 running\n131072 3 shut off")
            // What was running was not cut short, and the second commit was never told as done.
            let events = await watcher.events.filter { $0.commit == second }
            #expect(events.contains { $0.description.contains("stepDone") && $0.description.contains("a/restart") })
            #expect(!events.contains { $0.name == "converged" })
        }

        private func theSignalEndsNoStep(_ watched: WatchedFleet, _ watcher: RunningWatcher) async throws {
            let fleet = watched.fleet
            try fleet.edit("a.yaml", "memory: 160MiB", "memory: 192MiB")
            try fleet.edit("b.yaml", "cpu: 3", "cpu: 1")
            let fourth = try await watched.commit("Both again")
            try await watched.push()
            try await watcher.step("stepStarted", "VirtualMachine/a/restart")
            await watcher.send(SIGTERM)
            try await watcher.step("stepDone", "VirtualMachine/a/restart")
            let skipped = try await watcher.step("stepSkipped", "VirtualMachine/b/update")
            #expect(skipped.commit == fourth && skipped.description.contains("SIGTERM"), "\(skipped)")
            try await watcher.next("stopped", containing: "SIGTERM")
            let ended = try #require(await watcher.untilEnded())
            #expect(ended.status == 0, "\(ended)")
            #expect(try await sizes() == "196608 1 running\n131072 3 shut off")
        }

        /// Memory in KiB and processors of both, with their state.
        private func sizes() async throws -> String {
            try await sh(
                #"""
                for domain in a b; do
                    virsh dumpxml --inactive "$domain" |
                        sed -n "s/.*<memory unit='KiB'>\([0-9]*\)<.*/\1/p; s/.*<vcpu[^>]*>\([0-9]*\)<.*/\1/p" | xargs echo -n
                    echo " $(virsh domstate "$domain" | head -n 1)"
                done
                """#)
        }
    }
}
