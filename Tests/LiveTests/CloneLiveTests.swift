import Foundation
import Model
import Testing

extension LiveTests {
    /// Volumes that begin as copies of others.
    @Suite struct CloneLiveTests {
        private static let writing =
            "dd if=/dev/urandom of=/dev/vda bs=1M seek=40 count=12 2>/dev/null; sync; "
            + "set -- $(sha256sum /dev/vda); echo infra-guest: wrote $1"

        /// What a guest has at a moment is kept, given to another machine, and not touched by what the first one does then.
        @Test func aRunningDiskIsCopiedAndRestored() async throws {
            try await withFleet("clone") { fleet in
                try fleet.writeBase(vni: 7781)
                try fleet.writeMachine("origin", address: 11)
                #expect(try await fleet.apply().lastLine == "No changes.")
                let console = GuestConsole("origin", of: fleet)
                try await console.tells("origin up 10.77.0.11")
                let first = try await wrote(console)
                let process = try await Virsh.process("origin")

                try fleet.write("kept.yaml", Self.copy("kept", of: "origin.root", size: "64MiB"))
                let plan = try await fleet.infra("plan")
                #expect(
                    plan.output.contains(
                        "not there, from Volume/origin.root, which VirtualMachine/origin goes on with"), "\(plan)")
                let kept = try await fleet.apply()
                #expect(kept.status == 0 && kept.lastLine == "No changes.", "\(kept)")
                #expect(try await contents("kept", fleet, bytes: 64 << 20) == first)
                #expect(try await sh("virsh dumpxml origin | grep -c '<mirror' || true") == "0")
                #expect(try await Virsh.process("origin") == process)

                // The guest goes on; what was kept is as it was, and comes back as another machine's disk, larger.
                #expect(try await wrote(console) != first)
                #expect(try await contents("kept", fleet, bytes: 64 << 20) == first)
                try fleet.writeMachine("restored", address: 12)
                try fleet.edit(
                    "restored.yaml", "size: 64MiB, image: tiny", "size: 80MiB, from: {volume: kept, clone: full}")
                let restored = try await fleet.apply()
                #expect(restored.status == 0 && restored.lastLine == "No changes.", "\(restored)")
                try await GuestConsole("restored", of: fleet).tells("vda \(80 << 20)")
                #expect(try await contents("restored.root", fleet, bytes: 64 << 20) == first)

                // A copy outlives what it was made of.
                try fleet.remove("kept.yaml")
                try fleet.edit("restored.yaml", ", from: {volume: kept, clone: full}", "")
                let left = try await fleet.apply()
                #expect(left.status == 0 && left.lastLine == "No changes.", "\(left)")
            }
        }

        /// A run that ends in the middle of a copy leaves nothing that counts, and the next one makes it.
        @Test func aCopyThatIsCutOffIsMadeAnew() async throws {
            try await withFleet("cutclone") { fleet in
                try fleet.writeBase(vni: 7782)
                try fleet.edit(
                    "fleet.yaml", "id: \(fleet.id.lowercased)}",
                    "id: \(fleet.id.lowercased)}\nspec: {migration: {bandwidth: 40Mbit}}")
                try fleet.writeMachine("origin", address: 11)
                #expect(try await fleet.apply().lastLine == "No changes.")
                let console = GuestConsole("origin", of: fleet)
                try await console.tells("origin up 10.77.0.11")
                let first = try await wrote(console)
                try fleet.write("kept.yaml", Self.copy("kept", of: "origin.root", size: "64MiB"))
                let killed = try await fleet.watch("apply", []) { event, process in
                    if event.what == .stepProgress { process.send(SIGKILL) }
                }
                #expect(killed.status == 128 + Int(SIGKILL), "\(killed)")
                #expect(try await sh("virsh dumpxml origin | grep -c '<mirror'") == "1")
                let next = try await fleet.apply("--lock-timeout", "60s")
                #expect(next.status == 0 && next.lastLine == "No changes.", "\(next)")
                #expect(try await contents("kept", fleet, bytes: 64 << 20) == first)
                #expect(try await sh("virsh dumpxml origin | grep -c '<mirror' || true") == "0")
                #expect(try await sh(#"ls "$1" | grep -c staged || true"#, fleet.pool) == "0")
            }
        }

        private static func copy(_ name: String, of source: String, size: String) -> String {
            """
            apiVersion: infra/v1
            kind: Volume
            metadata: {name: \(name)}
            spec: {pool: disks, size: \(size), from: {volume: \(source), clone: full}}

            """
        }

        private func wrote(_ console: GuestConsole) async throws -> String {
            let seen = console.lines().count
            try await console.type(Self.writing)
            let line = try await console.tells("wrote", after: seen) { $0.hasPrefix("infra-guest: wrote ") }
            return String(line.split(separator: " ").last ?? "")
        }

        /// The digest of the first bytes that a guest sees of a volume.
        private func contents(_ volume: String, _ fleet: TestFleet, bytes: Int) async throws -> String {
            try await sh(
                """
                copy=$(mktemp -p /var/tmp)
                qemu-img convert -U -f qcow2 -O raw "$1"/"$2".*.qcow2 "$copy"
                head -c "$3" "$copy" | sha256sum | cut -c1-64
                rm "$copy"
                """, fleet.pool, volume, String(bytes))
        }
    }
}
