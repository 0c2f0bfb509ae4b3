import Foundation
import Model
import Testing

extension LiveTests {
    /// A guest whose memory somebody saved goes on with the disks that it had, or not at all.
    @Suite struct SavedMachineLiveTests {
        @Test func itIsStartedAsItIsOrLeft() async throws {
            try await withFleet("saved") { fleet in
                try fleet.writeBase(vni: 7725)
                try fleet.writeMachine("sleeper", address: 11)
                try fleet.edit("sleeper.yaml", "image: tiny", "image: tiny, deletion: delete")
                #expect(try await fleet.apply().lastLine == "No changes.")
                let disk = try await sh(#"echo "$1"/sleeper.root.*.qcow2"#, fleet.pool)
                try await sh("virsh managedsave sleeper")
                let (definition, contents) = (
                    try await sh("virsh dumpxml --inactive sleeper"), try await sh(#"sha256sum "$1""#, disk)
                )

                // Neither other memory, nor a larger disk, nor its removal with all that it had.
                let manifest = try fleet.read("sleeper.yaml")
                for change in [("128MiB", "160MiB"), ("64MiB", "96MiB"), ("cloudInit: {}", "cloudInit: {hostname: b}")]
                {
                    try fleet.edit("sleeper.yaml", change.0, change.1)
                    let held = try await fleet.apply("--allow", "data-loss")
                    #expect(held.status == 1 && held.output.contains("`virsh managedsave-remove sleeper`"), "\(held)")
                    try fleet.write("sleeper.yaml", manifest)
                }
                try fleet.remove("sleeper.yaml")
                let kept = try await fleet.apply("--allow", "data-loss")
                #expect(kept.status == 1 && kept.output.contains("its memory is saved"), "\(kept)")
                #expect(try await sh("virsh dumpxml --inactive sleeper") == definition)
                #expect(try await sh(#"sha256sum "$1""#, disk) == contents)
                #expect(try await sh("virsh list --all --with-managed-save --name") == "sleeper")

                try fleet.write("sleeper.yaml", manifest)
                let started = try await fleet.apply()
                #expect(started.status == 0 && started.lastLine == "No changes.", "\(started)")
                #expect(try await sh("virsh domstate --reason sleeper").contains("restored"))
            }
        }
    }
}
