import Model
import Testing

extension LiveTests {
    /// libvirtd does not answer any more: nothing hangs, and nothing is taken for done or for failed.
    @Suite struct FrozenLibvirtLiveTests {
        @Test func theOutcomeIsToldAsUnknown() async throws {
            try await withFleet("frozen") { fleet in
                try fleet.writeBase(vni: 7760)
                try fleet.writeMachine("first", address: 11, "power: stopped")
                try fleet.writeMachine("second", address: 12, "power: stopped")
                let ended = try await thawed {
                    try await fleet.watch("apply", ["--timeout", "5s", "--parallelism", "1"]) { event, _ in
                        if event.what == .stepStarted, event.step.hasSuffix("first/seed") { try await freeze() }
                    }
                }
                #expect(ended.status == 1, "\(ended)")
                // Whatever asked libvirt next got no answer; what was never asked is not tried.
                let told = ended.output.split(separator: "\n").filter { $0.contains(#""stepFailed""#) }
                #expect(!told.isEmpty && told.allSatisfy { $0.contains(#""outcome":"unknown""#) }, "\(told)")
                #expect(ended.output.contains(#""stepSkipped""#), "\(ended)")
                let next = try await fleet.apply()
                #expect(next.status == 0 && next.lastLine == "No changes.", "\(next)")
                #expect(try await Virsh.all() == ["first", "second"])
            }
        }

        @Test func whatIsUnknownIsNotAbsent() async throws {
            try await withFleet("unknown") { fleet in
                try fleet.writeBase(vni: 7761)
                try fleet.writeMachine("first", address: 11, "power: stopped")
                #expect(try await fleet.apply().status == 0)
                let before = try await HostState.objects()
                let (plan, apply) = try await thawed {
                    try await freeze()
                    let plan = try await fleet.infra("plan", "--timeout", "3s")
                    return (plan, try await fleet.apply("--timeout", "3s", "--allow", "data-loss"))
                }
                #expect(plan.output.contains("Blocked:") && !plan.output.contains("to add"), "\(plan)")
                #expect(apply.status == 1, "\(apply)")
                #expect(try await HostState.objects().changes(since: before) == [])
                #expect(try await fleet.apply().output == "No changes.\n")
            }
        }

        private func freeze() async throws { try await sh("kill -STOP $(cat /run/libvirtd.pid)") }

        /// However the body ends, libvirtd goes on.
        private func thawed<Value>(_ body: () async throws -> Value) async throws -> Value {
            do {
                let value = try await body()
                try await sh("kill -CONT $(cat /run/libvirtd.pid)")
                return value
            } catch {
                _ = try? await sh("kill -CONT $(cat /run/libvirtd.pid)")
                throw error
            }
        }
    }
}
