import Testing

extension LiveTests {
    /// `infra start`, `stop` and `restart`.
    @Suite struct PowerLiveTests {
        @Test func machinesAreStartedStoppedAndRestarted() async throws {
            try await withFleet("power") { fleet in
                try fleet.writeBase(vni: 7728)
                try fleet.writeMachine("runs", address: 11)
                try fleet.writeMachine("rests", address: 12, "power: manual")
                #expect(try await fleet.apply().lastLine == "No changes.")
                #expect(try await Virsh.state("rests") == "shut off")

                let unanswered = try await fleet.infra("start", "VirtualMachine/rests")
                #expect(unanswered.status == 2 && unanswered.error.contains("error[no-answer]"), "\(unanswered)")
                #expect(try await Virsh.state("rests") == "shut off")
                var events: [StepEvent] = []
                let started = try await fleet.watch("start", ["VirtualMachine/rests"]) { event, _ in
                    events.append(event)
                }
                #expect(started.status == 0, "\(started)")
                #expect(events.map(\.step) == Array(repeating: "server-1/VirtualMachine/rests/start", count: 2))
                let console = GuestConsole("rests", of: fleet)
                try await console.tells("rests up 10.77.0.12")
                #expect(try await fleet.apply().output == "No changes.\n")
                let stopped = try await fleet.change("stop", ["VirtualMachine/rests"])
                #expect(stopped.status == 0 && stopped.lastLine == "No changes.", "\(stopped)")
                #expect(try await Virsh.state("rests") == "shut off")
                #expect(console.lines().contains("infra-guest: rests powering off"))

                // What another machine waits for is not done with it.
                for machine in ["runs", "rests"] { try fleet.edit("\(machine).yaml", "128MiB", "160MiB") }
                let process = try await Virsh.process("runs")
                let restarted = try await fleet.change("restart", ["VirtualMachine/runs"])
                #expect(restarted.status == 0 && restarted.lastLine == "No changes.", "\(restarted)")
                #expect(try await Virsh.process("runs") != process)
                #expect(try await sh("virsh dominfo runs").contains(/Max memory: +163840 KiB/))
                #expect(try await sh("virsh dominfo rests").contains(/Max memory: +131072 KiB/))

                let refused = try await fleet.change("stop", ["VirtualMachine/runs"])
                #expect(refused.status == 4 && refused.error.contains("error[power]: "), "\(refused)")
                #expect(try await Virsh.state("runs") == "running")
            }
        }
    }
}
