import Foundation
import Model
import Testing

extension LiveTests {
    /// Volumes go from pool to pool, and from format to format, on their host.
    @Suite struct PoolMoveLiveTests {
        private static let writing =
            "dd if=/dev/urandom of=/dev/vda bs=1M seek=40 count=12 2>/dev/null; sync; "
            + "set -- $(sha256sum /dev/vda); echo infra-guest: wrote $1"
        private static let reading =
            "sync; echo 3 >/proc/sys/vm/drop_caches; set -- $(sha256sum /dev/vda); echo infra-guest: reads $1"

        @Test func aDiskMovesUnderItsGuest() async throws {
            try await withFleet("poolmove") { fleet in
                let console = try await begin(fleet, vni: 7771)
                let wrote = try await console.answer("wrote", to: Self.writing)
                try await console.type(GuestConsole.counting)
                try await console.tells("count 3")
                let process = try await Virsh.process("mover")
                let before = try await devices()

                try fleet.edit("mover.yaml", Self.inDisks, Self.inFast)
                let plan = try await fleet.infra("plan")
                #expect(plan.output.contains("copied under VirtualMachine/mover, which runs [live]"), "\(plan)")
                let moved = try await fleet.apply()
                #expect(moved.status == 0 && moved.lastLine == "No changes.", "\(moved)")
                #expect(try await place() == "\(fleet.home)/fast/\(fleet.file("raw"))")
                #expect(try await files(fleet) == ["fast/\(fleet.file("raw"))"])
                #expect(try await devices() == before)

                // And back again.
                try fleet.edit("mover.yaml", Self.inFast, Self.inDisks)
                let back = try await fleet.apply()
                #expect(back.status == 0 && back.lastLine == "No changes.", "\(back)")
                #expect(try await files(fleet) == ["disks/\(fleet.file("qcow2"))"])
                #expect(try await Virsh.process("mover") == process)
                let counts = console.counts()
                #expect(zip(counts, counts.dropFirst()).allSatisfy { $1 == $0 + 1 }, "\(counts)")
                #expect(try await console.answer("reads", to: Self.reading) == wrote)
            }
        }

        @Test func whatIsOffMovesWithItsDefinition() async throws {
            try await withFleet("coldmove") { fleet in
                let console = try await begin(fleet, vni: 7772)
                let wrote = try await console.answer("wrote", to: Self.writing)
                try fleet.edit("mover.yaml", "cloudInit: {}", "cloudInit: {}\n  power: stopped")
                try fleet.write("free.yaml", Self.free("disks"))
                let stopped = try await fleet.apply("--allow", "stop", "--grace", "5s")
                #expect(stopped.status == 0 && stopped.lastLine == "No changes.", "\(stopped)")
                try await sh(#"qemu-io -f qcow2 -c 'write -q -P 7 1M 2M' "$1"/free.*"#, fleet.pool)

                try fleet.edit("mover.yaml", Self.inDisks, Self.inFast.replacing("64MiB", with: "80MiB"))
                try fleet.write("free.yaml", Self.free("fast"))
                // A copy would lack what was kept inside.
                try await sh(
                    #"virsh snapshot-create-as mover one >/dev/null; qemu-img snapshot -c one "$1"/free.*"#, fleet.pool)
                let held = try await fleet.apply()
                #expect(held.status == 1 && held.output.contains("domain mover has snapshots"), "\(held)")
                #expect(held.output.contains("has 1 snapshots inside"), "\(held)")
                #expect(try await files(fleet).allSatisfy { $0.hasPrefix("disks/") })
                try await sh(
                    #"virsh snapshot-delete mover one >/dev/null; qemu-img snapshot -d one "$1"/free.*"#, fleet.pool)
                let moved = try await fleet.apply()
                #expect(moved.status == 0 && moved.lastLine == "No changes.", "\(moved)")
                #expect(try await files(fleet).allSatisfy { $0.hasPrefix("fast/") })
                let old = try await sh(#"head -c 67108864 "$1" | sha256sum"#, try await place())
                #expect(old.hasPrefix(wrote), "\(old), not \(wrote)")
                try await sh(#"qemu-io -f qcow2 -c 'read -q -P 7 1M 2M' "$1"/fast/free.* | { ! grep .; }"#, fleet.home)

                // It starts from there, with the disk that grew.
                try fleet.edit("mover.yaml", "power: stopped", "power: running")
                let seen = console.lines().count
                #expect(try await fleet.apply().lastLine == "No changes.")
                try await console.tells("vda \(80 << 20)", after: seen)
            }
        }

        /// What is cut off is gone on with: by the next run, whoever died.
        @Test func aCopyThatIsCutOffIsFinished() async throws {
            try await withFleet("cutmove") { fleet in
                let console = try await begin(fleet, vni: 7773, "migration: {bandwidth: 40Mbit}")
                let wrote = try await console.answer("wrote", to: Self.writing)
                let process = try await Virsh.process("mover")
                try fleet.edit("mover.yaml", Self.inDisks, Self.inFast)
                let killed = try await fleet.watch("apply", []) { event, process in
                    if event.what == .stepProgress { process.send(SIGKILL) }
                }
                #expect(killed.status == 128 + Int(SIGKILL), "\(killed)")
                #expect(try await sh("virsh dumpxml mover | grep -c '<mirror'") == "1")
                #expect(try await files(fleet).count == 2)
                let next = try await fleet.apply("--lock-timeout", "60s")
                #expect(next.status == 0 && next.lastLine == "No changes.", "\(next)")
                #expect(try await files(fleet) == ["fast/\(fleet.file("raw"))"])

                // libvirt ends in the middle of the way back, and QEMU does not.
                try fleet.edit("mover.yaml", Self.inFast, Self.inDisks)
                let lost = try await fleet.watch("apply", []) { event, _ in
                    if event.what == .stepProgress {
                        try await sh(
                            "pid=$(cat /run/libvirtd.pid); if kill -9 $pid 2>/dev/null; then libvirtd -d -p /run/libvirtd.pid; fi"
                        )
                    }
                }
                #expect(lost.status == 1, "\(lost)")
                let last = try await fleet.apply("--lock-timeout", "60s")
                #expect(last.status == 0 && last.lastLine == "No changes.", "\(last)")
                #expect(try await files(fleet) == ["disks/\(fleet.file("qcow2"))"])
                #expect(try await Virsh.process("mover") == process)
                #expect(try await console.answer("reads", to: Self.reading) == wrote)
            }
        }

        /// The manifests say something else before it is copied: libvirt is told to stop, and what was copied goes.
        @Test func aMoveThatIsTakenBackLeavesNothing() async throws {
            try await withFleet("backmove") { fleet in
                let console = try await begin(fleet, vni: 7774, "migration: {bandwidth: 40Mbit}")
                let wrote = try await console.answer("wrote", to: Self.writing)
                try fleet.edit("mover.yaml", Self.inDisks, Self.inFast)
                _ = try await fleet.watch("apply", []) { event, process in
                    if event.what == .stepProgress { process.send(SIGKILL) }
                }
                try fleet.edit("mover.yaml", Self.inFast, Self.inDisks)
                let next = try await fleet.apply("--lock-timeout", "60s")
                #expect(next.status == 0 && next.lastLine == "No changes.", "\(next)")
                #expect(try await files(fleet) == ["disks/\(fleet.file("qcow2"))"])
                #expect(try await sh("virsh dumpxml mover | grep -c '<mirror' || true") == "0")
                #expect(try await console.answer("reads", to: Self.reading) == wrote)
            }
        }

        private static let inDisks = "pool: disks, size: 64MiB, image: tiny"
        private static let inFast = "pool: fast, size: 64MiB, image: tiny, clone: full, format: raw"

        private static func free(_ pool: String) -> String {
            """
            apiVersion: infra/v1
            kind: Volume
            metadata: {name: free}
            spec: {pool: \(pool), size: 16MiB}

            """
        }

        /// Two pools, and a guest that is up.
        private func begin(_ fleet: TestFleet, vni: Int, _ more: String = "") async throws -> GuestConsole {
            try fleet.writeBase(vni: vni)
            if !more.isEmpty {
                try fleet.edit(
                    "fleet.yaml", "id: \(fleet.id.lowercased)}", "id: \(fleet.id.lowercased)}\nspec: {\(more)}")
            }
            try fleet.write(
                "fast.yaml",
                """
                apiVersion: infra/v1
                kind: StoragePool
                metadata: {name: fast}
                spec: {directory: {path: \(fleet.home)/fast}, capacity: 1TiB}

                """)
            try fleet.writeMachine("mover", address: 11)
            let made = try await fleet.apply()
            #expect(made.status == 0 && made.lastLine == "No changes.", "\(made)")
            let console = GuestConsole("mover", of: fleet)
            try await console.tells("mover up 10.77.0.11")
            return console
        }

        /// Where the guest's disk is, by both definitions.
        private func place() async throws -> String {
            let places = try await sh(
                #"for how in '' --inactive; do virsh domblklist mover $how | awk '$1 == "vda" { print $2 }'; done | sort -u"#
            )
            return places
        }

        /// The addresses and aliases of all its devices.
        private func devices() async throws -> String {
            try await sh(
                #"for how in '' --inactive; do virsh dumpxml mover $how | grep -E "<address type='pci'|<alias"; done"#)
        }

        /// The volumes in both pools.
        private func files(_ fleet: TestFleet) async throws -> [String] {
            try await sh(
                #"cd "$1"; find disks fast -regextype egrep -regex '.*/(mover|free)\..*(raw|qcow2)' | sort"#,
                fleet.home
            )
            .split(separator: "\n").map(String.init)
        }
    }
}

extension TestFleet {
    /// The name of the guest's disk.
    fileprivate func file(_ format: String) -> String {
        "mover.root.\(identity.uuid(ResourceID(.volume, "mover.root")).lowercased.prefix(8)).\(format)"
    }
}
