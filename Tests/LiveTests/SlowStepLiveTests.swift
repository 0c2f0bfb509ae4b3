import Foundation
import Model
import Testing

extension LiveTests {
    /// What happens while an apply is at work: a second one, Ctrl-C once and twice. What takes its time is stopping a
    /// machine without a system, which does not hear the power button.
    @Suite struct SlowStepLiveTests {
        static let stopping = "VirtualMachine/deaf: stopping the machine…"

        @Test func onlyOneAppliesAtATime() async throws {
            try await withLeaver("locks") { fleet in
                var waiting: Task<Ended, any Error>?
                let first = try await apply(fleet) { line, process in
                    guard line == Self.stopping else { return }
                    waiting = Task { try await fleet.apply("--lock-timeout", "60s") }
                    let second = try await fleet.apply()
                    #expect(second.status == 4, "\(second)")
                    #expect(second.error.contains("pid \(process.id) since "), "\(second)")
                    #expect(second.error.contains("fleet locks (\(fleet.identity.fleet8))"), "\(second)")
                    // Reading needs no lock.
                    #expect(try await fleet.infra("plan").status == 0)
                }
                #expect(first.status == 0, "\(first)")
                let third = try #require(try await waiting?.value)
                #expect(third.status == 0 && third.output == "No changes.\n", "\(third)")
                #expect(try await Virsh.all() == [])
            }
        }

        @Test func ctrlCFinishesWhatRuns() async throws {
            try await withLeaver("interrupt") { fleet in
                let ended = try await apply(fleet, grace: "5s") { line, process in
                    if line == Self.stopping { process.send(SIGINT) }
                }
                #expect(ended.status == 1, "\(ended)")
                #expect(ended.error.contains("Interrupted: finishing the running steps."))
                #expect(ended.output.contains("VirtualMachine/deaf: stopping the machine: done"), "\(ended)")
                #expect(
                    ended.hasLine("Not tried:")
                        && ended.hasLine("  server-1/VirtualMachine/deaf/undefine: interrupted"),
                    "\(ended)")
                #expect(try await Virsh.state("deaf") == "shut off")
                let next = try await apply(fleet, grace: "1s") { _, _ in }
                #expect(next.status == 0 && next.lastLine == "No changes.", "\(next)")
                #expect(try await Virsh.all() == [])
            }
        }

        @Test func ctrlCTwiceLeavesAtOnce() async throws {
            try await withLeaver("leave") { fleet in
                var left = ContinuousClock.now
                let ended = try await apply(fleet) { line, process in
                    guard line == Self.stopping else { return }
                    process.send(SIGINT)
                    // Two signals of a kind that come at once are one.
                    try await Task.sleep(for: .seconds(1))
                    process.send(SIGINT)
                    left = .now
                }
                #expect(ended.status == 1, "\(ended)")
                #expect(ContinuousClock.now - left < .seconds(8))
                #expect(
                    ended.error.contains(
                        "Left while these steps were running; their outcome is unknown:\n  server-1/VirtualMachine/deaf/stop"
                    ),
                    "\(ended)")
                #expect(try await Virsh.state("deaf") == "running")
                let next = try await apply(fleet, grace: "1s") { _, _ in }
                #expect(next.status == 0 && next.lastLine == "No changes.", "\(next)")
                #expect(try await Virsh.all() == [])
            }
        }

        /// A fleet whose only machine runs and is no longer in the manifests.
        private func withLeaver(_ name: String, _ body: (TestFleet) async throws -> Void) async throws {
            try await withFleet(name) { fleet in
                try fleet.writeBase(vni: 7750)
                try fleet.writeDeaf("deaf", address: 11)
                let applied = try await fleet.apply()
                #expect(applied.status == 0, "\(applied)")
                try fleet.remove("deaf.yaml")
                try await body(fleet)
            }
        }

        private func apply(
            _ fleet: TestFleet, grace: String = "20s", line: (String, Program.Process) async throws -> Void
        ) async throws -> Ended {
            try await Program.watch(
                ["apply", "--yes", "--allow", "stop", "--grace", grace, "--files", fleet.files, fleet.manifests], line)
        }
    }
}
