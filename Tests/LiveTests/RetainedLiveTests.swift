import Foundation
import Model
import Testing

extension LiveTests {
    /// What was kept is taken up again only when asked, and what a guest wrote elsewhere is not thrown away.
    @Suite struct RetainedLiveTests {
        @Test func whatDestroyKeptIsNotTakenUpUnasked() async throws {
            try await withFleet("kept") { fleet in
                try fleet.writeBase(vni: 7741)
                try fleet.writeMachine("guest", address: 11, "power: stopped")
                #expect(try await fleet.apply().lastLine == "No changes.")
                let disk = try await sh(#"echo "$1"/guest.root.*.qcow2"#, fleet.pool)
                let contents = try await sh(#"sha256sum "$1""#, disk)
                let destroyed = try await fleet.infra("destroy", "--yes", "--allow", "stop")
                #expect(destroyed.status == 0, "\(destroyed)")
                #expect(try await sh(#"sha256sum "$1""#, disk) == contents)

                // The pool is not defined any more, and what lies in its folder is there all the same.
                let planned = try await fleet.infra("plan")
                #expect(planned.output.contains("Volume/guest.root on server-1: it was kept"), "\(planned)")
                #expect(planned.output.contains("reuse: true") && !planned.output.contains("creating the volume"))
                let listed = try await fleet.infra("get", "Volume/guest.root")
                #expect(listed.status == 0 && listed.output.contains(disk), "\(listed)")
                let refused = try await fleet.apply()
                #expect(refused.status == 1 && refused.output.contains("reuse: true"), "\(refused)")
                #expect(!refused.output.contains("Failed"), "\(refused)")
                #expect(try await Virsh.all() == [])
                #expect(try await sh(#"sha256sum "$1""#, disk) == contents)

                try fleet.edit("guest.yaml", "image: tiny", "image: tiny, reuse: true")
                let back = try await fleet.apply()
                #expect(back.status == 0 && back.lastLine == "No changes.", "\(back)")
                #expect(try await sh(#"sha256sum "$1""#, disk) == contents)
                let named = try await fleet.infra("get", "Image/tiny")
                #expect(named.status == 0 && named.output.contains("img-"), "\(named)")
            }
        }

        /// A pool that somebody undefined by hand holds what a plan has to know of before its first step.
        @Test func whatIsTakenUpWaitsForItsPool() async throws {
            try await withFleet("unmade") { fleet in
                try fleet.writeBase(vni: 7744)
                try fleet.writeMachine("guest", address: 11, "power: stopped")
                #expect(try await fleet.apply().lastLine == "No changes.")
                try fleet.edit("guest.yaml", "image: tiny", "image: tiny, deletion: delete, reuse: true")
                let destroyed = try await fleet.infra("destroy", "--yes", "--allow", "stop")
                #expect(destroyed.status == 0, "\(destroyed)")
                let planned = try await fleet.infra("plan")
                #expect(planned.output.contains("taken up again with the data it kept"), "\(planned)")
                let again = try await fleet.infra("destroy", "--yes", "--allow", "stop")
                #expect(again.status == 0 && again.lastLine == "No changes.", "\(again)")
                #expect(try await fleet.apply().lastLine == "No changes.")
                #expect(try await fleet.infra("get", "Volume/guest.root").output.contains("false"))
            }
        }

        @Test func anExternalSnapshotIsNotUndone() async throws {
            try await withFleet("snapshot") { fleet in
                try fleet.writeBase(vni: 7742)
                try fleet.writeMachine("guest", address: 11, "power: stopped")
                #expect(try await fleet.apply().lastLine == "No changes.")
                let disk = try await sh(#"echo "$1"/guest.root.*.qcow2"#, fleet.pool)
                let layer = fleet.pool + "/layer.qcow2"
                try await sh(
                    #"""
                    qemu-img create -q -f qcow2 -b "$1" -F qcow2 "$2"
                    virsh dumpxml --inactive guest | sed "s#$1#$2#" >"$2.xml"
                    virsh define "$2.xml"
                    rm "$2.xml"
                    """#, disk, layer)
                let plan = try await fleet.infra("plan", "--allow", "data-loss")
                #expect(plan.output.contains("which is no volume of this fleet"), "\(plan)")
                let applied = try await fleet.apply("--allow", "data-loss")
                #expect(applied.status == 1, "\(applied)")
                #expect(try await sh("virsh domblklist --inactive guest").contains(layer))
                try await sh(#"rm "$1""#, layer)
            }
        }

        @Test func anApprovedPlanDoesNotAge() async throws {
            try await withFleet("ageing") { fleet in
                try fleet.writeBase(vni: 7743)
                try fleet.writeMachine("goes", address: 11, "power: stopped")
                try fleet.writeMachine("stays", address: 12, "power: stopped")
                #expect(try await fleet.apply().lastLine == "No changes.")
                try fleet.remove("goes.yaml")
                let file = fleet.pool + "-plan.json"
                let planned = try await fleet.infra("plan", "--allow", "stop", "--out", file)
                #expect(planned.status == 0, "\(planned)")
                // Counters change: the file system fills, a disk grows by what is written.
                try await sh(
                    #"head -c 3000000 /dev/urandom >"$1".junk && rm "$1".junk && head -c 3000000 /dev/zero >"$1".more"#,
                    file)
                let done = try await Program.run(
                    Program.infra, ["apply", "--yes", "--plan", file, "--files", fleet.files])
                #expect(done.status == 0 && done.lastLine == "No changes.", "\(done)")
                #expect(try await Virsh.all() == ["stays"])
                try await sh(#"rm "$1" "$1".more"#, file)
            }
        }
    }
}
