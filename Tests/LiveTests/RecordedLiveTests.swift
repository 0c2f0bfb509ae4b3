import Foundation
import Model
import Testing

extension LiveTests {
    /// What is written down, inventories and plans, says the same as the host, and no more once the host has changed.
    @Suite struct RecordedLiveTests {
        @Test func anInventoryGivesTheLivePlan() async throws {
            try await withFleet("recorded") { fleet in
                try await damaged(fleet)
                let inventory = fleet.home + "/inventory.yaml"
                let observed = try await fleet.infra("observe", "--out", inventory)
                #expect(observed.status == 0, "\(observed)")
                for format in ["text", "json"] {
                    let live = try await fleet.infra("plan", "--allow", "restart", "--format", format)
                    let offline = try await fleet.infra(
                        "plan", "--allow", "restart", "--format", format, "--inventory", inventory)
                    #expect(live.status == 0 && live == offline, "\(live)\n\(offline)")
                }
                let json = try await fleet.infra("plan", "--format", "json").output
                let steps = try await sh(#"jq -r '.steps[].id' <<<"$1""#, json).split(separator: "\n")
                #expect(steps.contains("server-1/VirtualMachine/fallen/start"), "\(steps)")
                #expect(steps.contains("server-1/VirtualMachine/new/define"), "\(steps)")
            }
        }

        @Test func aPlanIsDoneAsFarAsItStillHolds() async throws {
            try await withFleet("recorded") { fleet in
                try await damaged(fleet)
                let file = fleet.home + "/plan.json"
                #expect(try await fleet.infra("plan", "--out", file).status == 0)
                try await sh("virsh undefine changed")
                let before = try await HostState.objects()
                let refused = try await fleet.apply("--plan", file)
                #expect(refused.status == 4 && refused.error.contains("error[changed]"), "\(refused)")
                #expect(try await HostState.objects().changes(since: before) == [])

                #expect(try await fleet.infra("plan", "--out", file).status == 0)
                // Somebody did a part of it: that is no surprise.
                try await sh("virsh start fallen")
                let applied = try await fleet.apply("--plan", file)
                #expect(applied.status == 0 && applied.lastLine == "No changes.", "\(applied)")
                #expect(try await Virsh.running() == ["fallen", "new"])
                #expect(try await Virsh.all() == ["fallen", "new", "changed"])
            }
        }

        @Test func whatIsThereIsListed() async throws {
            try await withFleet("listed") { fleet in
                try await damaged(fleet)
                let table = try await fleet.infra("get", "VirtualMachine")
                #expect(table.status == 0)
                let rows = table.output.split(separator: "\n").map { $0.split(separator: " ") }
                #expect(Array(rows[0].prefix(3)) == ["ID", "HOST", "STATE"], "\(table)")
                let uuid = try await sh("virsh domuuid fallen")
                #expect(rows.contains { $0.first == "fallen" && $0[2] == "off" && ($0.last ?? "") == uuid }, "\(table)")
                let volumes = try await fleet.infra("get", "Volume/fallen.root")
                #expect(
                    volumes.output.split(separator: "\n").count == 2 && volumes.output.contains("64MiB"), "\(volumes)")
                #expect(try await fleet.infra("get", "VirtualMachine/nobody").status == 1)
                let doctor = try await Program.run(Program.infra, ["doctor", "--storage-root", fleet.home])
                #expect(doctor.status == 0, "\(doctor)")
                // Without libvirt's socket there is something to mend.
                try await sh("mv /run/libvirt/libvirt-sock /run/libvirt/hidden-sock")
                let ill = try await Program.run(Program.infra, ["doctor", "--storage-root", fleet.home])
                try await sh("mv /run/libvirt/hidden-sock /run/libvirt/libvirt-sock")
                #expect(ill.status == 1 && ill.output.contains("libvirtd"), "\(ill)")
            }
        }

        /// A fleet with something of each kind to do: a machine that fell, one that is new, one that is to change.
        private func damaged(_ fleet: TestFleet) async throws {
            try fleet.writeBase(vni: 7790)
            try fleet.writeMachine("fallen", address: 11)
            try fleet.writeMachine("changed", address: 12, "power: stopped")
            let applied = try await fleet.apply()
            #expect(applied.status == 0 && applied.lastLine == "No changes.", "\(applied)")
            try await sh("virsh destroy fallen")
            try fleet.edit("changed.yaml", "128MiB", "160MiB")
            try fleet.writeMachine("new", address: 13)
        }
    }
}
