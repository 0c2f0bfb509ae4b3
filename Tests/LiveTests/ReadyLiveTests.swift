import Testing

extension LiveTests {
    /// When a start counts as done.
    @Suite struct ReadyLiveTests {
        /// What was saved while it was paused comes back paused.
        @Test func aStartThatLeavesTheGuestPaused() async throws {
            try await withFleet("ready") { fleet in
                try fleet.writeBase(vni: 7726)
                try fleet.writeMachine("awaited", address: 11, "ready: running")
                try fleet.writeMachine("trusted", address: 12, "ready: none")
                #expect(try await fleet.apply().lastLine == "No changes.")
                try await sh("virsh managedsave --paused awaited; virsh managedsave --paused trusted")

                var events: [StepEvent] = []
                let started = try await fleet.watch("apply", []) { event, _ in events.append(event) }
                func outcome(_ machine: String) -> [StepEvent.What] {
                    events.filter { $0.step.hasSuffix("VirtualMachine/\(machine)/start") }.map(\.what)
                }
                #expect(outcome("awaited") == [.stepStarted, .stepFailed], "\(started)")
                #expect(started.output.contains("domain awaited was started and is paused"), "\(started)")
                #expect(outcome("trusted") == [.stepStarted, .stepDone], "\(started)")
                // Both are to run, which is another question than when a step is done.
                #expect(started.status == 1, "\(started)")
                for machine in ["awaited", "trusted"] { #expect(try await Virsh.state(machine) == "paused") }

                #expect(try await fleet.apply().lastLine == "No changes.")
                for machine in ["awaited", "trusted"] { #expect(try await Virsh.state(machine) == "running") }
            }
        }
    }
}
