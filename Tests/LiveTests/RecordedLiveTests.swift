import Foundation
import Model
import Testing

extension LiveTests {
    /// What is written down, inventories and plans, says the same as the host, and no more once the host has changed.
    @Suite struct RecordedLiveTests {
        @Test func anInventoryGivesTheLivePlan() async throws {
            try await withFleet("recorded") { fleet in
                // Nothing there, all there, and something of each kind to do.
                try fleet.writeBase(vni: 7790)
                try fleet.writeMachine("fallen", address: 11)
                try await expectEqualPlans(fleet)
                #expect(try await fleet.apply().status == 0)
                try await expectEqualPlans(fleet)
                try await damaged(fleet)
                try await expectEqualPlans(fleet)
                let json = try await fleet.infra("plan", "--format", "json").output
                let steps = try await sh(#"jq -r '.steps[].id' <<<"$1""#, json).split(separator: "\n")
                #expect(steps.contains("server-1/VirtualMachine/fallen/start"), "\(steps)")
                #expect(steps.contains("server-1/VirtualMachine/new/define"), "\(steps)")
            }
        }

        /// What is planned against an inventory is what is planned against the host.
        private func expectEqualPlans(_ fleet: TestFleet) async throws {
            let inventory = fleet.home + "/inventory.yaml"
            let observed = try await fleet.infra("observe", "--out", inventory)
            #expect(observed.status == 0, "\(observed)")
            #expect(try await sh(#"stat -c %a "$1""#, inventory) == "600")
            for format in ["text", "json"] {
                let live = try await fleet.infra("plan", "--allow", "restart", "--format", format)
                let offline = try await fleet.infra(
                    "plan", "--allow", "restart", "--format", format, "--inventory", inventory)
                #expect(live.status == 0 && live == offline, "\(live)\n\(offline)")
            }
        }

        @Test func aPlanIsRefusedWhenWhatItReadChanged() async throws {
            try await withFleet("recorded") { fleet in
                try await damaged(fleet)
                let file = fleet.home + "/plan.json"
                #expect(try await fleet.infra("plan", "--out", file).status == 0)
                try await sh("virsh start fallen")
                try await expectRefused(fleet, file, #"fallen: status.state was "off", is "running""#)

                #expect(try await fleet.infra("plan", "--out", file).status == 0)
                let text = try fleet.read("new.yaml")
                try fleet.edit("new.yaml", "cpu: 1", "cpu: 2")
                try await expectRefused(fleet, file, "new.yaml was changed")
                // The folder that the plan was made from is looked at whether it is named or not.
                let unnamed = try await Program.run(Program.infra, ["apply", "--yes", "--plan", file])
                #expect(unnamed.status == 4 && unnamed.error.contains("new.yaml was changed"), "\(unnamed)")
                try fleet.write("new.yaml", text)

                #expect(try await fleet.apply().status == 0)
                try await expectRefused(fleet, file, "VirtualMachine/new is there")
            }
        }

        /// A plan of a commit is done only while the commit that is checked out holds the same manifests.
        @Test func aPlanOfACommitIsBoundToItsManifests() async throws {
            try await withWatched("committed") { watched in
                let fleet = watched.fleet
                try fleet.writeBase(vni: 7793)
                try fleet.writeQuiet("a", address: 11)
                try await watched.commit("One")
                let file = fleet.home + "/plan.json"
                #expect(try await fleet.infra("plan", "--out", file).status == 0)
                // Committed, and then put back in the work tree alone: the files are those of the plan, the commit is not.
                try fleet.edit("a.yaml", "cpu: 1", "cpu: 2")
                let second = try await watched.commit("Two processors")
                try fleet.edit("a.yaml", "cpu: 2", "cpu: 1")
                try await expectRefused(fleet, file, "the manifests in commit \(second.prefix(10)), which is HEAD now,")
                // Another commit with the same manifests is as good, whatever else is in it.
                try fleet.write("README.md", "A fleet.\n")
                try await watched.commit("One processor, and a page")
                let applied = try await fleet.apply("--plan", file)
                #expect(applied.status == 0 && applied.lastLine == "No changes.", "\(applied)")
            }
        }

        @Test func aStatusThatWatchesSeesWhatHappens() async throws {
            try await withFleet("watching") { fleet in
                try fleet.writeBase(vni: 7794)
                try fleet.writeQuiet("a", address: 11)
                #expect(try await fleet.apply().status == 0)
                var seen: [Bool] = []
                let ended = try await Program.watch(
                    ["status", "--watch", "--format", "json", "--files", fleet.files, fleet.manifests], seconds: 120
                ) { line, process in
                    struct Drift: Decodable {}
                    struct Told: Decodable { let drifts: [Drift] }
                    let isConverged = try JSONDecoder().decode(Told.self, from: Data(line.utf8)).drifts.isEmpty
                    // Our own doing may be told late, so one state may come twice.
                    guard seen.last != isConverged else { return }
                    seen.append(isConverged)
                    switch seen.count {
                    case 1: try await sh("virsh undefine a")
                    case 2: _ = try await fleet.apply()
                    case 3: try await sh("virsh undefine a")
                    default: process.send(SIGINT)
                    }
                }
                #expect(seen == [true, false, true, false])
                // As it was when it was last seen.
                #expect(ended.status == 1, "\(ended)")
                #expect(try await fleet.apply().status == 0)
            }
        }

        @Test func aPlanIsDoneWhenOnlyCountersChanged() async throws {
            try await withFleet("recorded") { fleet in
                try await damaged(fleet)
                let file = fleet.home + "/plan.json"
                #expect(try await fleet.infra("plan", "--out", file).status == 0)
                // Less free space, a larger allocation, and another domain id of a machine that the plan says nothing of.
                try await sh(
                    #"""
                    dd if=/dev/urandom of="$1/filler" bs=1M count=64 status=none
                    qemu-io -f qcow2 -c "write -P 7 1M 2M" "$(ls "$1"/disks/changed.root.*)" >/dev/null
                    virsh destroy kept >/dev/null; virsh start kept >/dev/null
                    """#, fleet.home)
                let applied = try await fleet.apply("--plan", file)
                #expect(applied.status == 0 && applied.lastLine == "No changes.", "\(applied)")
                #expect(try await Virsh.running() == ["fallen", "kept", "new"])
            }
        }

        /// Refused, with the reason, and the host is as it was.
        private func expectRefused(_ fleet: TestFleet, _ plan: String, _ reason: String) async throws {
            let before = try await HostState.objects()
            let refused = try await fleet.apply("--plan", plan)
            #expect(
                refused.status == 4 && refused.error.contains("error[changed]") && refused.error.contains(reason),
                "\(refused)")
            #expect(try await HostState.objects().changes(since: before) == [])
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

        /// A fleet with something of each kind to do: a machine that fell, one that is new, one that is to change; and one
        /// that is well.
        private func damaged(_ fleet: TestFleet) async throws {
            try fleet.writeBase(vni: 7790)
            try fleet.writeMachine("fallen", address: 11)
            try fleet.writeMachine("changed", address: 12, "power: stopped")
            try fleet.writeMachine("kept", address: 14)
            let applied = try await fleet.apply()
            #expect(applied.status == 0 && applied.lastLine == "No changes.", "\(applied)")
            try await sh("virsh destroy fallen")
            try fleet.edit("changed.yaml", "128MiB", "160MiB")
            try fleet.writeMachine("new", address: 13)
        }
    }
}
