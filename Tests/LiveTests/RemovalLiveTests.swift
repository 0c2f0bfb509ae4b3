import Foundation
import Model
import Testing

extension LiveTests {
    /// What leaves the manifests leaves the host only as far as the run allows, and its data only when asked twice.
    @Suite struct RemovalLiveTests {
        @Test func aMachineGoesAndItsDiskStays() async throws {
            try await withFleet("removal") { fleet in
                try fleet.writeBase(vni: 7720)
                try fleet.writeMachine("leaves", address: 11)
                try fleet.writeMachine("stays", address: 12)
                #expect(try await fleet.apply().lastLine == "No changes.")
                let manifest = try fleet.read("leaves.yaml")
                let disk = try await sh(#"echo "$1"/leaves.root.*.qcow2"#, fleet.pool)

                try fleet.remove("leaves.yaml")
                let plan = try await fleet.infra("plan")
                #expect(plan.status == 0 && plan.output.contains("Deferred (not allowed by --allow live):"), "\(plan)")
                let deferred = try await fleet.apply()
                #expect(deferred.status == 3, "\(deferred)")
                #expect(try await Virsh.running() == ["leaves", "stays"])

                let process = try await Virsh.process("stays")
                let gone = try await fleet.apply("--allow", "stop", "--grace", "1s")
                #expect(gone.status == 0 && gone.lastLine == "No changes.", "\(gone)")
                #expect(try await Virsh.all() == ["stays"])
                #expect(try await Virsh.process("stays") == process)
                #expect(try await mark(disk).contains(#""retained":true"#))
                let contents = try await sh(#"sha256sum "$1""#, disk)
                let listed = try await fleet.infra("plan")
                #expect(
                    listed.hasLine("Retained (left the fleet, data kept):")
                        && listed.hasLine("  Volume/leaves.root, 64MiB, \(disk)"), "\(listed)")
                let status = try await fleet.infra("status")
                #expect(status.status == 0 && status.hasLine("retained: Volume/leaves.root, 64MiB"), "\(status)")

                // Back without a word about the old data: nobody's guess.
                try fleet.write("leaves.yaml", manifest.replacing("cloudInit: {}", with: "power: stopped"))
                let blocked = try await fleet.apply()
                #expect(blocked.status == 1 && blocked.output.contains("reuse: true"), "\(blocked)")
                #expect(try await Virsh.all() == ["stays"])
                try fleet.edit("leaves.yaml", "image: tiny", "image: tiny, reuse: true")
                let back = try await fleet.apply()
                #expect(back.status == 0 && back.lastLine == "No changes.", "\(back)")
                #expect(try await sh("virsh domblklist leaves").contains(disk))
                #expect(try await sh(#"sha256sum "$1""#, disk) == contents)
                #expect(try await mark(disk).contains(#""retained":false"#))
            }
        }

        @Test func dataDiesOnlyWhenAskedTwice() async throws {
            try await withFleet("deletion") { fleet in
                try fleet.writeBase(vni: 7721)
                try fleet.writeMachine("doomed", address: 11, "power: stopped")
                try fleet.writeMachine("stays", address: 12, "power: stopped")
                #expect(try await fleet.apply().lastLine == "No changes.")
                let disk = try await sh(#"echo "$1"/doomed.root.*.qcow2"#, fleet.pool)
                let contents = try await sh(#"sha256sum "$1""#, disk)

                // The word alone deletes nothing.
                try fleet.edit("doomed.yaml", "image: tiny", "image: tiny, deletion: delete")
                #expect(try await fleet.apply("--allow", "data-loss").lastLine == "No changes.")
                #expect(try await mark(disk).contains(#""deletion":"delete""#))
                #expect(try await sh(#"sha256sum "$1""#, disk) == contents)

                try fleet.remove("doomed.yaml")
                let stopped = try await fleet.apply("--allow", "stop")
                #expect(stopped.status == 3, "\(stopped)")
                #expect(try await Virsh.all() == ["stays"])
                #expect(try await sh(#"sha256sum "$1""#, disk) == contents)
                let lost = try await fleet.apply("--allow", "data-loss")
                #expect(lost.status == 0 && lost.lastLine == "No changes.", "\(lost)")
                #expect(!FileManager.default.fileExists(atPath: disk))
                #expect(try await sh(#"ls "$1""#, fleet.pool).contains("stays.root."))
            }
        }

        /// Another name is another machine, unless `id` says whose it was.
        @Test func aRenameKeepsTheData() async throws {
            try await withFleet("rename") { fleet in
                try fleet.writeBase(vni: 7723)
                try fleet.writeMachine("old", address: 11, "power: stopped")
                #expect(try await fleet.apply().lastLine == "No changes.")
                let disk = try await sh(#"echo "$1"/old.root.*.qcow2"#, fleet.pool)
                try await sh(#"qemu-io -f qcow2 -c 'write -P 0x5a 32M 64k' "$1""#, disk)
                let contents = try await sh(#"sha256sum "$1""#, disk)

                try fleet.edit("old.yaml", "name: old", "name: new")
                let hinted = try await fleet.infra("plan", "--allow", "data-loss")
                #expect(hinted.output.contains("set metadata.id: old"), "\(hinted)")
                let gone = try await fleet.apply("--allow", "data-loss")
                #expect(gone.status == 0 && gone.lastLine == "No changes.", "\(gone)")
                #expect(try await Virsh.all() == ["new"])
                #expect(try await sh(#"sha256sum "$1""#, disk) == contents)
                #expect(try await mark(disk).contains(#""retained":true"#))

                try fleet.edit("old.yaml", "name: new", "name: newest, id: old")
                try fleet.edit("old.yaml", "image: tiny", "image: tiny, reuse: true")
                let back = try await fleet.apply("--allow", "data-loss")
                #expect(back.status == 0 && back.lastLine == "No changes.", "\(back)")
                #expect(try await sh("virsh domblklist newest").contains(disk))
                try fleet.edit("old.yaml", "name: newest", "name: last")
                let renamed = try await fleet.apply()
                #expect(renamed.status == 0 && renamed.lastLine == "No changes.", "\(renamed)")
                #expect(try await sh("virsh domblklist last").contains(disk))
                #expect(try await sh(#"sha256sum "$1""#, disk) == contents)
            }
        }

        @Test func whatIsNoFleetChangesNothing() async throws {
            try await withFleet("nofleet") { fleet in
                try fleet.writeBase(vni: 7722)
                try fleet.writeMachine("stays", address: 11)
                #expect(try await fleet.apply().lastLine == "No changes.")
                let base = try fleet.read("fleet.yaml")
                let before = try await HostState.frozen(fleet, domains: "stays")
                func nothingHappens(_ what: String) async throws {
                    for command in ["apply", "destroy"] {
                        let ended = try await Program.run(
                            Program.infra,
                            [command, "--yes", "--allow", "data-loss", "--files", fleet.files, fleet.manifests])
                        #expect(ended.status == 2, "\(command), \(what): \(ended)")
                    }
                    #expect(try await HostState.frozen(fleet, domains: "stays").changes(since: before) == [], "\(what)")
                }
                try fleet.write("other.yaml", "kind: [VirtualMachine\n")
                try await nothingHappens("a parse error")
                try fleet.remove("other.yaml")
                try fleet.write("fleet.yaml", String(base.drop { $0 != "\n" }.split(separator: "---", maxSplits: 1)[1]))
                try await nothingHappens("no Fleet")
                try fleet.remove("stays.yaml")
                try fleet.remove("fleet.yaml")
                try await nothingHappens("an empty folder")
                try fleet.write("fleet.yaml", String(base.split(separator: "---")[0]))
                try await nothingHappens("nothing but a Fleet")
                try FileManager.default.removeItem(atPath: fleet.manifests)
                try await nothingHappens("no folder")
            }
        }

        private func mark(_ path: String) async throws -> String {
            try await sh(#"getfattr --only-values --absolute-names -n user.infra "$1""#, path)
        }
    }
}
