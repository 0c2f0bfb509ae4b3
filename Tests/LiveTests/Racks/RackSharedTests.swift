import Foundation
import Model
import TestSupport
import Testing

extension RackTests {
    /// A pool in a folder that is the same on all hosts: one of the machine's disk, mounted on each.
    @Suite struct RackSharedTests {
        private let one = RackHost.all[0]
        private let two = RackHost.all[1]

        /// The disks' inodes and whether they count, as a host sees them.
        private func disks(_ folder: String, on host: RackHost) async throws -> String {
            try await host.sh(
                #"""
                for file in "$1"/*.root.*.qcow2; do
                    stat -c '%n %i' "$file"
                    getfattr --only-values -n user.infra --absolute-names "$file" | jq -r '.copy // "counts"'
                done
                """#, folder)
        }

        @Test func disksThatBothReachAreNotCopied() async throws {
            try await withRacks("shared") { fleet in
                try await fleet.withFolder(on: [one, two]) { folder in try await moves(fleet, folder) }
            }
        }

        private func moves(_ fleet: RackFleet, _ folder: String) async throws {
            try fleet.writeBase(networks: ["net": 6051], shared: folder)
            for host in [one, two] { try fleet.writeHost(host, "storageRoots: [/srv]") }
            try fleet.writeMachine("mover", on: one, network: "net", address: 11)
            try fleet.writeMachine("sleeper", on: one, network: "net", address: 12, power: "stopped")
            let made = try await fleet.apply()
            try #require(made.status == 0 && made.lastLine == "No changes.", "\(made)")
            try await one.tells(fleet, "mover", "mover up 10.60.0.11")
            try await one.type("mover", GuestConsole.counting)
            try await one.tells(fleet, "mover", "count 3")
            let before = try await disks(folder, on: one)
            #expect(before.split(separator: "\n").filter { $0 == "counts" }.count == 2, "\(before)")
            let capacity = try await fleet.infra("capacity")
            #expect(capacity.output.components(separatedBy: "StoragePool/disks disk").count == 2, "\(capacity)")

            try fleet.writeMachine("mover", on: two, network: "net", address: 11)
            try fleet.writeMachine("sleeper", on: two, network: "net", address: 12, power: "stopped")
            let plan = try await fleet.infra("plan")
            #expect(plan.output.contains("(live migration, both reach its disks)"), "\(plan)")
            #expect(plan.output.contains("(it is off, both reach its disks)"), "\(plan)")
            #expect(!plan.output.contains(" Volume/"), "\(plan)")
            let moved = try await fleet.apply()
            #expect(moved.status == 0 && moved.lastLine == "No changes.", "\(moved)")
            #expect(try await one.all().isEmpty)
            #expect(try await two.all() == ["mover", "sleeper"])
            #expect(try await two.running() == ["mover"])
            #expect(try await disks(folder, on: one) == before)
            #expect(try await disks(folder, on: two) == before)
            let last = try await one.counts(fleet, "mover").last ?? 0
            try await two.whileAlive(fleet, "mover") { try await two.counts(fleet, "mover", to: last + 3) }
            // What it was is kept by nobody: it goes, and the disks stay, each once.
            let gone = try await fleet.infra("destroy", "--yes", "--allow", "stop", "--grace", "5s")
            #expect(gone.status == 0, "\(gone)")
            #expect(try await disks(folder, on: two) == before)
        }

        /// The word of the manifest is not believed before each move.
        @Test func aFolderThatIsNotTheSameHoldsTheMove() async throws {
            try await withRacks("unshared") { fleet in
                let folder = "/var/lib/infra/unshared"
                try fleet.writeBase(networks: ["net": 6052], shared: folder)
                for host in [one, two] { try fleet.writeHost(host) }
                try fleet.writeMachine("mover", on: one, network: "net", address: 11)
                let made = try await fleet.apply()
                #expect(made.status == 0 && made.lastLine == "No changes.", "\(made)")
                try fleet.writeMachine("mover", on: two, network: "net", address: 11)
                let held = try await fleet.apply()
                #expect(held.status == 1 && held.output.contains("is said to be shared"), "\(held)")
                #expect(try await two.files(fleet).isEmpty)
                // A copy with the same mark looks the same, and is another file.
                let copies = "\(Lab.repository.path(percentEncoded: false))/.build/copies-\(fleet.identity.fleet8)"
                defer { try? FileManager.default.removeItem(atPath: copies) }
                try await one.sh(#"cp -a --preserve=xattr "$1" "$2""#, folder, copies)
                try await two.sh(#"cp -a --preserve=xattr "$2"/. "$1""#, folder, copies)
                let refused = try await fleet.apply()
                #expect(refused.status == 1 && refused.output.contains("is not the same folder on hosts"), "\(refused)")
                #expect(try await one.running() == ["mover"])
                #expect(try await two.all().isEmpty)
                #expect(try await two.sh("ls -A /var/lib/infra/unshared | grep -c staged || true") == "0")
            }
        }
    }
}
