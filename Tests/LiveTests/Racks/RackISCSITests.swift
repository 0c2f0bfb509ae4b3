import Model
import TestSupport
import Testing

extension RackTests {
    /// Disks that are logical units of an iSCSI target, which is `tgtd` on the third host.
    @Suite(.enabled(if: ISCSIPackages.areInstalled, "needs tgt and qemu-block-extra")) struct RackISCSITests {
        private let one = RackHost.all[0]
        private let two = RackHost.all[1]
        private let server = RackHost.all[2]

        @Test func aMachineUsesAUnitThatIsThere() async throws {
            try await withRacks("iscsi") { fleet in
                try await withTarget(fleet) {
                    try await uses(fleet)
                    try await moves(fleet)
                    try await staysWithItsServer(fleet)
                }
            }
        }

        private func uses(_ fleet: RackFleet) async throws {
            try fleet.writeBase(networks: ["net": 6071])
            for host in [one, two] { try fleet.writeHost(host) }
            try fleet.write("san.yaml", Self.pool + Self.volume(size: "32MiB"))
            try fleet.writeMachine("user", on: one, network: "net", address: 11)
            try fleet.edit("user.yaml", "image: tiny}]", "image: tiny}, {name: data, volume: data}]")
            let made = try await fleet.apply()
            try #require(made.status == 0 && made.lastLine == "No changes.", "\(made)")
            #expect(!made.output.contains("+ StoragePool/san") && !made.output.contains("+ Volume/data"), "\(made)")
            try await one.tells(fleet, "user", "vda \(32 << 20)")
            try await writes("here", on: one, fleet)
            // It is as large as it is.
            for size in ["16MiB", "96MiB"] {
                try fleet.write("san.yaml", Self.pool + Self.volume(size: size))
                let refused = try await fleet.infra("plan")
                #expect(refused.output.contains(": has 32MiB"), "\(refused)")
            }
            try fleet.write("san.yaml", Self.pool + Self.volume(size: "32MiB"))
        }

        /// The guest moves as it runs: its other disk is copied, the unit is not.
        private func moves(_ fleet: RackFleet) async throws {
            try await one.type("user", GuestConsole.counting)
            try await one.counts(fleet, "user", to: 3)
            try fleet.edit("user.yaml", "host: rack-1", "host: rack-2")
            let moved = try await fleet.apply()
            try #require(moved.status == 0 && moved.lastLine == "No changes.", "\(moved)")
            #expect(try await one.all().isEmpty, "\(moved)")
            let last = try await one.counts(fleet, "user").last ?? 0
            let lives = try await two.whileAlive(fleet, "user") { try await two.counts(fleet, "user", to: last + 3) }
            if lives { try await writes("there", on: two, fleet) }
        }

        /// While its server is gone a unit is unknown, and what is on it stays with it when the machine goes.
        private func staysWithItsServer(_ fleet: RackFleet) async throws {
            let sums = try await sums()
            try await server.endTarget()
            try fleet.write("more.yaml", Self.volume("more", lun: 2, size: "32MiB"))
            let silent = try await fleet.infra("plan")
            #expect(silent.output.contains("! Volume/more"), "\(silent)")
            #expect(silent.output.contains("cannot be looked at"), "\(silent)")
            #expect(!silent.output.contains("+ "), "\(silent)")
            try await serve()
            try await two.sh("virsh destroy user")
            for file in ["user.yaml", "san.yaml", "more.yaml"] { try fleet.remove(file) }
            let gone = try await fleet.apply("--allow", "data-loss")
            #expect(gone.status == 0 && gone.lastLine == "No changes.", "\(gone)")
            #expect(try await two.all().isEmpty)
            #expect(try await self.sums() == sums)
        }

        private func sums() async throws -> String {
            try await server.sh("sha256sum /var/lib/infra/lun-1 /var/lib/infra/lun-2")
        }

        /// What the guest writes is in the server's file.
        private func writes(_ word: String, on host: RackHost, _ fleet: RackFleet) async throws {
            try await host.type(
                "user",
                "echo was \(word) | dd of=/dev/vda bs=1M seek=20 conv=fsync 2>/dev/null; echo infra-guest: w \(word)")
            try await host.tells(fleet, "user", "w \(word)")
            let seen = try await server.sh("dd if=/var/lib/infra/lun-1 bs=1M skip=20 count=1 status=none | tr -d '\\0'")
            #expect(seen == "was \(word)")
        }

        private static let pool = """
            apiVersion: infra/v1
            kind: StoragePool
            metadata: {name: san}
            spec: {iscsi: {portal: \(RackHost.all[2].address), target: "\(RackHost.target)"}}
            ---

            """

        private static func volume(_ name: String = "data", lun: Int = 1, size: String) -> String {
            """
            apiVersion: infra/v1
            kind: Volume
            metadata: {name: \(name)}
            spec: {pool: san, lun: \(lun), size: \(size), format: raw}

            """
        }

        /// Starts the server with two units.
        private func serve() async throws {
            try await server.startTarget([(1, "/var/lib/infra/lun-1"), (2, "/var/lib/infra/lun-2")])
        }

        /// Gives the body the target. The server ends with it.
        private func withTarget(_ fleet: RackFleet, _ body: () async throws -> Void) async throws {
            func end() async throws {
                try await server.endTarget()
                try await server.sh("rm -f /var/lib/infra/lun-1 /var/lib/infra/lun-2")
            }
            try await end()
            try await server.sh(
                "truncate -s 32M /var/lib/infra/lun-1 /var/lib/infra/lun-2; echo other >/var/lib/infra/lun-2; truncate -s 32M /var/lib/infra/lun-2"
            )
            try await serve()
            try await ending(end, after: body)
        }
    }
}
