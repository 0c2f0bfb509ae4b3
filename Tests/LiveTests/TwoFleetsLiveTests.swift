import Model
import Testing

extension LiveTests {
    /// Two fleets that are called alike share a host and never touch each other.
    @Suite struct TwoFleetsLiveTests {
        @Test func equalNamesClashAndDistinctOnesLiveSideBySide() async throws {
            try await withTwo { first, second in
                try first.writeMachine("twin", address: 11)
                try second.writeMachine("twin", address: 11)
                #expect(try await first.apply().lastLine == "No changes.")
                let before = try await HostState.frozen(first, domains: "twin")

                let plan = try await second.infra("plan")
                let clash = "domain twin (fleet \(first.id.lowercased)) has its name or UUID and is not ours"
                #expect(plan.hasLine("  ! VirtualMachine/twin on server-1: \(clash)"), "\(plan)")
                let clashed = try await second.apply("--allow", "data-loss")
                #expect(clashed.status == 1 && clashed.output.contains(clash), "\(clashed)")
                #expect(try await HostState.frozen(first, domains: "twin").changes(since: before) == [])
                #expect(try await Virsh.all() == ["twin"])

                // Under another name it is welcome.
                try second.remove("twin.yaml")
                try second.writeMachine("other", address: 11)
                let applied = try await second.apply("--allow", "stop")
                #expect(applied.status == 0 && applied.lastLine == "No changes.", "\(applied)")
                #expect(try await Virsh.running() == ["twin", "other"])
                #expect(try await first.apply("--allow", "data-loss").output == "No changes.\n")
                #expect(try await HostState.frozen(first, domains: "twin").changes(since: before) == [])

                let destroyed = try await second.destroy("--allow", "stop", "--grace", "1s")
                #expect(destroyed.status == 0, "\(destroyed)")
                #expect(try await Virsh.all() == ["twin"])
                #expect(try await HostState.frozen(first, domains: "twin").changes(since: before) == [])
                let left = try await sh(
                    #"ip link show | grep -c "$1" || true; virsh pool-list --all --name | grep -c "${1%%-*}" || true"#,
                    second.id.lowercased)
                #expect(left == "0\n0")
                // Its disks are kept.
                #expect(try await sh(#"ls "$1""#, second.pool).contains("other.root."))
            }
        }

        @Test func oneVNIBelongsToOneFleet() async throws {
            try await withTwo { first, second in
                try first.writeMachine("twin", address: 11, "power: stopped")
                try second.writeMachine("other", address: 11, "power: stopped")
                #expect(try await first.apply().lastLine == "No changes.")
                let before = try await HostState.frozen(first, domains: "twin")
                try second.edit("fleet.yaml", "vni: 7731", "vni: 7730")
                let clashed = try await second.apply("--allow", "data-loss")
                #expect(
                    clashed.status == 1 && clashed.output.contains("VNI 7730 on port 4789 is taken by"), "\(clashed)")
                #expect(!(try await Virsh.all().contains("other")))
                #expect(try await HostState.frozen(first, domains: "twin").changes(since: before) == [])
                // On another port the kernel has room for both.
                try second.edit("fleet.yaml", "vni: 7730", "port: 4790, vni: 7730")
                let applied = try await second.apply()
                #expect(applied.status == 0 && applied.lastLine == "No changes.", "\(applied)")
                #expect(try await HostState.frozen(first, domains: "twin").changes(since: before) == [])
            }
        }

        /// Two fleets of one name, with pools and VNIs of their own.
        private func withTwo(_ body: (TestFleet, TestFleet) async throws -> Void) async throws {
            try await withFleet("twins") { first in
                try first.writeBase(vni: 7730)
                try await withFleet("twins") { second in
                    try second.writeBase(vni: 7731)
                    try await body(first, second)
                }
            }
        }
    }
}
