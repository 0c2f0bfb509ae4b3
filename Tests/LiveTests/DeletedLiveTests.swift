import Foundation
import Model
import Testing

extension LiveTests {
    /// What `deletion: delete` deletes stays for as long as the fleet says, comes back from there, and goes when its time is over.
    @Suite struct DeletedLiveTests {
        @Test func whatIsDeletedStaysAndComesBack() async throws {
            try await withFleet("deleted") { fleet in
                try await begin(fleet, vni: 7797)
                try fleet.writeMachine("doomed", address: 11, "power: stopped")
                try fleet.edit("doomed.yaml", "image: tiny", "image: tiny, deletion: delete")
                try fleet.write("old.yaml", Self.volume("old", "size: 4MiB, format: raw, deletion: delete"))
                #expect(try await fleet.apply().lastLine == "No changes.")
                let disks = [path("doomed.root", .qcow2, fleet), path("old", .raw, fleet)]
                try await sh(#"echo mine | dd of="$1" conv=notrunc status=none"#, disks[1])
                let sums = try await [sum(disks[0]), sum(disks[1])]

                // Two words, as ever.
                try fleet.remove("doomed.yaml")
                try fleet.remove("old.yaml")
                #expect(try await fleet.apply("--allow", "stop").status == 3)
                #expect(try await [sum(disks[0]), sum(disks[1])] == sums)
                let deleted = try await fleet.apply("--allow", "data-loss")
                #expect(deleted.status == 0 && deleted.lastLine == "No changes.", "\(deleted)")
                #expect(deleted.output.contains("stays for a while, as Volume/old.deleted."), "\(deleted)")
                let kept = try await [kept("doomed.root", fleet), kept("old", fleet)]
                #expect(try await [sum(kept[0]), sum(kept[1])] == sums)
                #expect(try await sh(#"ls "$1" | grep -c '^doomed\|^old'"#, fleet.pool) == "2")
                // What it is a layer over stays with it.
                #expect(try await sh(#"ls "$1" | grep -c '^img-'"#, fleet.pool) == "1")
                let until = try await Moment(mark(kept[1], ".deleted.until"))
                let moment = try #require(try await Moment(mark(kept[1], ".deleted.moment")))
                #expect(until == moment.adding(7 * 86_400))
                for command in [["get", "Volume"], ["status"], ["plan"]] {
                    let told = try await Program.run(
                        Program.infra, command + ["--files", fleet.files, fleet.manifests])
                    #expect(told.output.contains("until \(moment.adding(7 * 86_400))"), "\(told)")
                }

                // The name is free for another one; the old one comes back beside it and stays as long as it is named.
                try fleet.write("old.yaml", Self.volume("old", "size: 4MiB, format: raw"))
                try fleet.write(
                    "back.yaml", Self.volume("back", "size: 4MiB, format: raw, from: {deleted: old, clone: full}"))
                let back = try await fleet.apply()
                #expect(back.status == 0 && back.lastLine == "No changes.", "\(back)")
                #expect(try await sum(path("back", .raw, fleet)) == sums[1])
                #expect(try await sum(disks[1]) != sums[1])

                try await endTime(of: kept[1])
                let named = try await fleet.apply()
                #expect(named.status == 0 && named.output.contains("stays beyond its time"), "\(named)")
                #expect(try await sum(kept[1]) == sums[1])
                try fleet.edit("back.yaml", ", from: {deleted: old, clone: full}", "")
                let over = try await fleet.apply("--allow", "none")
                #expect(over.status == 0 && over.lastLine == "No changes.", "\(over)")
                #expect(over.output.contains("it was to stay until"), "\(over)")
                #expect(!FileManager.default.fileExists(atPath: kept[1]))
                #expect(try await sum(kept[0]) == sums[0])

                // Before its time only by both words.
                #expect(try await fleet.apply("--purge-deleted", "--allow", "stop").status == 3)
                let purged = try await fleet.apply("--purge-deleted", "--allow", "data-loss")
                #expect(purged.status == 0 && purged.lastLine == "No changes.", "\(purged)")
                #expect(try await sh(#"ls "$1" | grep -c deleted || true"#, fleet.pool) == "0")
            }
        }

        /// What is in the way of keeping it is in the way of deleting it, and a run that ends between mark and name is gone on with.
        @Test func aDeletionThatIsCutOffLosesNothing() async throws {
            try await withFleet("cutdeletion") { fleet in
                try await begin(fleet, vni: 7798)
                try fleet.write("old.yaml", Self.volume("old", "size: 4MiB, deletion: delete"))
                #expect(try await fleet.apply().lastLine == "No changes.")
                let disk = path("old", .qcow2, fleet)
                let contents = try await sum(disk)
                try fleet.remove("old.yaml")

                let layer = fleet.pool + "/layer.qcow2"
                try await sh(#"qemu-img create -q -f qcow2 -b "$1" -F qcow2 "$2""#, disk, layer)
                let failed = try await fleet.apply("--allow", "data-loss")
                #expect(failed.status == 1 && failed.output.contains("layer"), "\(failed)")
                #expect(try await sum(disk) == contents)
                try FileManager.default.removeItem(atPath: layer)

                // As a run leaves it that is killed between the two: marked, and not renamed.
                let marking =
                    #".deleted = {volume: .id, moment: "2026-11-20T02:00:00Z", until: "2199-01-01T00:00:00Z"}"#
                try await remark(disk, marking)
                let deferred = try await fleet.apply()
                #expect(deferred.status == 3, "\(deferred)")
                #expect(try await sum(disk) == contents)
                // Taken back, it is as it was.
                try fleet.write("old.yaml", Self.volume("old", "size: 4MiB, deletion: delete"))
                let back = try await fleet.apply()
                #expect(back.status == 0 && back.lastLine == "No changes.", "\(back)")
                #expect(try await mark(disk, ".deleted") == "null")
                try fleet.remove("old.yaml")
                try await remark(disk, marking)
                let finished = try await fleet.apply("--allow", "data-loss")
                #expect(finished.status == 0 && finished.lastLine == "No changes.", "\(finished)")
                let kept = try await kept("old", fleet)
                #expect(kept == path("old.deleted.20261120t020000z", .qcow2, fleet))
                #expect(try await sum(kept) == contents)
                #expect(try await mark(kept, ".deleted.until") == "2199-01-01T00:00:00Z")
                #expect(!FileManager.default.fileExists(atPath: disk))
            }
        }

        private func begin(_ fleet: TestFleet, vni: Int) async throws {
            try fleet.writeBase(vni: vni)
            try fleet.edit(
                "fleet.yaml", "}\n---\napiVersion: infra/v1\nkind: Host",
                "}\nspec: {deletedVolumes: {keepFor: 7d}}\n---\napiVersion: infra/v1\nkind: Host")
        }

        private static func volume(_ name: String, _ rest: String) -> String {
            """
            apiVersion: infra/v1
            kind: Volume
            metadata: {name: \(name)}
            spec: {pool: disks, \(rest)}

            """
        }

        private func path(_ volume: String, _ format: Volume.Format, _ fleet: TestFleet) -> String {
            fleet.pool + "/" + fleet.identity.volumeFileName(volume, format)
        }

        /// The only file under which a deleted volume stays.
        private func kept(_ volume: String, _ fleet: TestFleet) async throws -> String {
            let found = try await sh(#"find "$1" -name "$2.deleted.*""#, fleet.pool, volume)
            try #require(!found.isEmpty && !found.contains("\n"), "\(found)")
            return found
        }

        private func sum(_ path: String) async throws -> String { try await sh(#"sha256sum <"$1""#, path) }

        /// What the mark of a file says, by a filter of jq.
        private func mark(_ path: String, _ filter: String) async throws -> String {
            try await sh(
                #"getfattr --absolute-names --only-values -n user.infra "$1" | jq -r "$2""#, path, filter)
        }

        /// Lets the time of what was deleted be over, as if the clock had gone on.
        private func endTime(of path: String) async throws {
            try await remark(path, #".deleted.until = "2020-01-01T00:00:00Z""#)
        }

        /// Changes what the mark of a file says.
        private func remark(_ path: String, _ filter: String) async throws {
            try await sh(
                #"""
                mark=$(getfattr --absolute-names --only-values -n user.infra "$1" | jq -c "$2")
                setfattr -n user.infra -v "$mark" "$1"
                """#, path, filter)
        }
    }
}
