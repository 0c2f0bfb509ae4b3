import Foundation
import Model
import Testing

extension LiveTests {
    /// What others did to the host is found, and mended where it can be.
    @Suite struct DriftLiveTests {
        @Test func aStoppedPoolIsStarted() async throws {
            try await withFleet("drift") { fleet in
                try fleet.writeBase(vni: 7735)
                try fleet.writeMachine("guest", address: 11, "power: stopped")
                #expect(try await fleet.apply().lastLine == "No changes.")
                let pool = fleet.identity.poolName("disks")
                let before = try await HostState.objects()
                try await sh(#"virsh pool-destroy "$1"; virsh pool-autostart --disable "$1""#, pool)
                let status = try await fleet.infra("status")
                #expect(status.status == 1 && status.output.contains("drift: StoragePool/disks"), "\(status)")
                let applied = try await fleet.apply()
                #expect(applied.status == 0 && applied.lastLine == "No changes.", "\(applied)")
                #expect(try await HostState.objects().changes(since: before) == [])
                // What needs it is seen once it is started, and done in the same run.
                try await sh(#"virsh pool-destroy "$1""#, pool)
                try fleet.writeMachine("late", address: 12, "power: stopped")
                let plan = try await fleet.infra("plan")
                #expect(plan.output.contains("what they need is planned then"), "\(plan)")
                let late = try await fleet.apply()
                #expect(late.status == 0 && late.lastLine == "No changes.", "\(late)")
                #expect(late.output.contains("VirtualMachine/late: defining the machine: done"), "\(late)")
                #expect(try await Virsh.state("late") == "shut off")
            }
        }

        /// Links that somebody set otherwise, without taking them away.
        @Test func linksAreSetAsDeclared() async throws {
            try await withFleet("links") { fleet in
                try fleet.writeBase(vni: 7736, peers: "[198.51.100.7]")
                try fleet.writeMachine("guest", address: 11, "power: stopped")
                #expect(try await fleet.apply().lastLine == "No changes.")
                let before = try await HostState.objects()
                try await sh(
                    #"""
                    ip link set "$1" mtu 1300
                    ip link set "$2" down nomaster
                    bridge fdb del 00:00:00:00:00:00 dev "$2" dst 198.51.100.7
                    bridge fdb append 00:00:00:00:00:00 dev "$2" dst 198.51.100.8
                    """#, fleet.identity.bridgeName("net"), fleet.identity.tunnelName("net"))
                let changed = try await HostState.objects().changes(since: before)
                #expect(changed.count >= 4, "\(changed)")
                let applied = try await fleet.apply()
                #expect(applied.status == 0 && applied.lastLine == "No changes.", "\(applied)")
                #expect(try await HostState.objects().changes(since: before) == [])
            }
        }

        @Test func aProtectedMachineStays() async throws {
            try await withFleet("protected") { fleet in
                try fleet.writeBase(vni: 7737)
                try fleet.writeMachine("guest", address: 11, "protect: true")
                try fleet.writeMachine("other", address: 12, "power: stopped")
                #expect(try await fleet.apply().lastLine == "No changes.")
                let before = try await HostState.frozen(fleet, domains: "guest", "other")
                try fleet.remove("guest.yaml")
                try fleet.remove("other.yaml")
                let applied = try await fleet.apply("--allow", "data-loss")
                #expect(applied.status == 4 && applied.output.contains("error[protected]"), "\(applied)")
                let destroyed = try await fleet.destroy("--allow", "data-loss")
                #expect(destroyed.status == 4 && destroyed.output.contains("error[protected]"), "\(destroyed)")
                #expect(try await HostState.frozen(fleet, domains: "guest", "other").changes(since: before) == [])
            }
        }

        /// The name answers, but it is another machine: nothing of what the last run knew holds.
        @Test func anotherHostUnderTheNameIsUnknown() async throws {
            try await withFleet("identity") { fleet in
                try fleet.writeBase(vni: 7738)
                try fleet.writeMachine("guest", address: 11, "power: stopped")
                #expect(try await fleet.apply().lastLine == "No changes.")
                try fleet.writeMachine("new", address: 12, "power: stopped")
                let before = try await HostState.objects()
                let known = try await sh("cat /etc/machine-id")
                try await sh("echo 0123456789abcdef0123456789abcdef >/etc/machine-id")
                let applied = try await fleet.apply("--allow", "data-loss")
                try await sh(#"echo "$1" >/etc/machine-id"#, known)
                #expect(applied.status == 1 && applied.output.contains("the last apply knew"), "\(applied)")
                #expect(try await HostState.objects().changes(since: before) == [])
                #expect(try await fleet.apply().lastLine == "No changes.")
                #expect(try await Virsh.all() == ["guest", "new"])
            }
        }
    }
}
