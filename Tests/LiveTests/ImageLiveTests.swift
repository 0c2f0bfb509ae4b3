import Model
import Testing

extension LiveTests {
    /// An image is what it was when a disk started from it.
    @Suite struct ImageLiveTests {
        @Test func aChangedImageLeavesDisksAlone() async throws {
            try await withFleet("image") { fleet in
                try fleet.writeBase(vni: 7740)
                try fleet.writeMachine("old", address: 11)
                #expect(try await fleet.apply().lastLine == "No changes.")
                let sum = #"cd "$1"; sha256sum old.root.*.qcow2 img-*; qemu-img info -U --backing-chain old.root.*"#
                let before = try await sh(sum, fleet.pool)
                let process = try await Virsh.process("old")

                // The same bytes for a guest, in another file.
                try await sh(
                    #"cd "$1"; qemu-img convert -c -f qcow2 -O qcow2 tiny.qcow2 new; mv new tiny.qcow2"#, fleet.files)
                let plan = try await fleet.infra("plan", "--detailed-exitcode")
                #expect(plan.status == 0 && plan.lastLine == "No changes.", "\(plan)")
                #expect(
                    plan.output.contains("Volume/old.root: started from another version of Image/tiny and keeps it"),
                    "\(plan)")
                #expect(try await fleet.apply("--allow", "data-loss").lastLine == "No changes.")
                #expect(try await sh(sum, fleet.pool) == before)

                try fleet.writeMachine("new", address: 12)
                #expect(try await fleet.apply().lastLine == "No changes.")
                let image = try await sh(#"sha256sum <"$1"/tiny.qcow2"#, fleet.files).prefix(64)
                let backing = try await sh(
                    #"qemu-img info -U --output=json "$1"/new.root.* | jq -r '."backing-filename"'"#, fleet.pool)
                #expect(backing.hasPrefix("\(fleet.pool)/img-\(image)."), "\(backing)")
                try await GuestConsole("new", of: fleet).tells("new up 10.77.0.12")
                #expect(try await sh(sum.replacing("img-*", with: before.imageName), fleet.pool) == before)
                #expect(try await Virsh.process("old") == process)
            }
        }

        @Test func anUnusedImageGoesWhenAsked() async throws {
            try await withFleet("unused") { fleet in
                try fleet.writeBase(vni: 7741)
                try fleet.writeMachine("old", address: 11, "power: stopped")
                try fleet.edit("old.yaml", "image: tiny}", "image: tiny, deletion: delete}")
                #expect(try await fleet.apply().lastLine == "No changes.")
                let digest = String(try await sh(#"sha256sum <"$1"/tiny.qcow2"#, fleet.files).prefix(64))
                try await sh(
                    #"cd "$1"; qemu-img convert -c -f qcow2 -O qcow2 tiny.qcow2 new; mv new tiny.qcow2"#, fleet.files)
                // A disk is a layer over it.
                #expect(try await fleet.apply("--unused-images").output.hasSuffix("No changes.\n"))
                let used = try await fleet.infra("get", "Image/\(digest)")
                #expect(used.status == 0 && used.output.contains("1 disk"), "\(used)")

                try fleet.remove("old.yaml")
                #expect(try await fleet.apply("--allow", "data-loss").lastLine == "No changes.")
                let plan = try await fleet.infra("plan")
                let told = "used by nothing; `infra apply --unused-images` removes it"
                #expect(plan.lastLine == "No changes." && plan.output.contains(told), "\(plan)")
                #expect(try await fleet.apply("--allow", "data-loss").lastLine == "No changes.")
                #expect(try await sh(#"ls "$1""#, fleet.pool).hasPrefix("img-\(digest)."))
                let asked = try await fleet.infra("plan", "--unused-images")
                #expect(asked.output.contains("- Image/\(digest) on server-1"), "\(asked)")
                #expect(try await fleet.apply("--unused-images").lastLine == "No changes.")
                #expect(try await sh(#"ls -A "$1""#, fleet.pool) == "")
            }
        }
    }
}

extension String {
    /// The image in a list of checksums.
    fileprivate var imageName: String { firstMatch(of: /\s(img-\S+)/).map { String($0.output.1) } ?? "" }
}
