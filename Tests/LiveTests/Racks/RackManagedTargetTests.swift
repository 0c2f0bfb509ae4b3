import Foundation
import Model
import TestSupport
import Testing

extension RackTests {
    /// Logical units that are made on the third host, where `tgtd` runs, for machines of the first.
    @Suite(.enabled(if: ISCSIPackages.areInstalled, "needs tgt and qemu-block-extra")) struct RackManagedTargetTests {
        private let one = RackHost.all[0]
        private let server = RackHost.all[2]
        private static let folder = "/var/lib/infra/luns"
        private static let byHand = "/var/lib/infra/by-hand"

        @Test func unitsAreMadeOnTheTarget() async throws {
            try await withRacks("array", on: [one, server]) { fleet in
                try await withTarget {
                    let sum = try await server.sh("sha256sum \(Self.byHand)")
                    try await isMade(fleet)
                    try await comesBack(fleet)
                    try await growsWhileOff(fleet)
                    try await isFinishedAfterAKill(fleet)
                    try await goes(fleet)
                    #expect(try await server.sh("sha256sum \(Self.byHand)") == sum)
                    #expect(try await server.targetUnits() == ["1 \(Self.byHand)"])
                }
            }
        }

        private func isMade(_ fleet: RackFleet) async throws {
            try fleet.writeBase(networks: ["net": 6075])
            for host in [one, server] { try fleet.writeHost(host) }
            try fleet.write("san.yaml", pool + Self.volume(size: "32MiB", deletion: "delete"))
            try fleet.writeMachine("user", on: one, network: "net", address: 11)
            try fleet.edit("user.yaml", "image: tiny}]", "image: tiny}, {name: data, volume: data}]")
            let made = try await fleet.apply()
            try #require(made.status == 0 && made.lastLine == "No changes.", "\(made)")
            #expect(try await fleet.infra("plan").lastLine == "No changes.")
            let file = file(fleet, "data")
            #expect(try await server.targetUnits() == ["1 \(Self.byHand)", "2 \(file)"])
            let mark = try await server.sh(#"getfattr --only-values -n user.infra "$1""#, file)
            #expect(mark.contains(#""unit":"iscsi://\#(server.address):3260/\#(RackHost.target)/2""#), "\(mark)")
            try await one.tells(fleet, "user", "vda \(32 << 20)")
            try await writes("here", fleet)
        }

        /// A server that starts anew has forgotten its units; the guest goes on with its own once that is there again.
        private func comesBack(_ fleet: RackFleet) async throws {
            try await server.endTarget()
            let silent = try await fleet.infra("plan")
            #expect(silent.output.contains("! Volume/data") && !silent.output.contains("+ "), "\(silent)")
            try await serve()
            let mapped = try await fleet.apply()
            #expect(mapped.status == 0 && mapped.lastLine == "No changes.", "\(mapped)")
            #expect(mapped.output.contains("its target does not have it"), "\(mapped)")
            #expect(try await server.targetUnits().count == 2)
        }

        private func growsWhileOff(_ fleet: RackFleet) async throws {
            try fleet.write("san.yaml", pool + Self.volume(size: "64MiB", deletion: "delete"))
            let running = try await fleet.infra("plan")
            #expect(running.output.contains("tells nobody of a new size"), "\(running)")
            try await one.sh("virsh destroy user")
            // Whoever else is logged in may have it open: tgtd does not tell.
            try await one.sh(Self.stranger, "start", server.address, RackHost.target)
            try await server.sh(Self.login)
            let held = try await fleet.apply()
            #expect(held.status != 0 && held.output.contains("is logged in to \(RackHost.target)"), "\(held)")
            try await one.sh(Self.stranger, "end", server.address, RackHost.target)
            let grown = try await fleet.apply()
            #expect(grown.status == 0 && grown.lastLine == "No changes.", "\(grown)")
            try await one.tells(fleet, "user", "vda \(64 << 20)")
            #expect(try await server.sh(Self.word, file(fleet, "data")) == "was here")
        }

        /// Between the file and its unit.
        private func isFinishedAfterAKill(_ fleet: RackFleet) async throws {
            try fleet.write("more.yaml", Self.volume("more", size: "8MiB", deletion: "retain"))
            let killed = try await fleet.watch { event, process in
                if event.what == .stepDone, event.step.hasSuffix("Volume/more/create") { process.send(SIGKILL) }
            }
            #expect(killed.status == 128 + Int(SIGKILL), "\(killed)")
            let next = try await fleet.apply("--lock-timeout", "60s")
            #expect(next.status == 0 && next.lastLine == "No changes.", "\(next)")
            #expect(try await server.targetUnits().last == "3 \(file(fleet, "more"))")
        }

        /// What has a user stays; then one is deleted, and one is kept.
        private func goes(_ fleet: RackFleet) async throws {
            let (data, more) = (file(fleet, "data"), file(fleet, "more"))
            for file in ["user.yaml", "more.yaml"] { try fleet.remove(file) }
            try fleet.write("san.yaml", pool)
            let careful = try await fleet.apply()
            #expect(careful.output.contains("Volume/data"), "\(careful)")
            #expect(try await server.targetUnits() == ["1 \(Self.byHand)", "2 \(data)"], "\(careful)")
            try await one.sh("virsh destroy user")
            let gone = try await fleet.apply("--allow", "data-loss")
            #expect(gone.status == 0 && gone.lastLine == "No changes.", "\(gone)")
            #expect(try await server.sh("ls -A \(Self.folder)") == more.split(separator: "/").last.map(String.init))
        }

        /// What the guest writes is in the server's file.
        private func writes(_ word: String, _ fleet: RackFleet) async throws {
            try await one.type(
                "user",
                "echo was \(word) | dd of=/dev/vda bs=1M seek=20 conv=fsync 2>/dev/null; echo infra-guest: w \(word)")
            try await one.tells(fleet, "user", "w \(word)")
            #expect(try await server.sh(Self.word, file(fleet, "data")) == "was \(word)")
        }

        private static let word = #"dd if="$1" bs=1M skip=20 count=1 status=none | tr -d '\0'"#

        /// Somebody who is no machine of the fleet, and logged in to the target.
        private static let stranger = #"""
            pids=/run/infra-stranger
            if [[ $1 == end ]]; then
                kill "$(cat "$pids")"
                rm "$pids"
                exit 0
            fi
            image=driver=raw,file.driver=iscsi,file.transport=tcp,file.portal=$2:3260,file.target=$3,file.lun=1
            setsid qemu-io -r --image-opts "$image" -c 'sleep 120000' </dev/null >/dev/null 2>&1 &
            echo $! >"$pids"
            """#

        /// Waits until somebody is logged in.
        private static let login = #"""
            for ((tries = 0; tries < 100; tries++)); do
                if tgtadm --lld iscsi --op show --mode target | grep -q 'Initiator: '; then exit 0; fi
                sleep 0.1
            done
            exit 1
            """#

        private func file(_ fleet: RackFleet, _ volume: String) -> String {
            "\(Self.folder)/\(fleet.identity.volumeFileName(volume, .raw))"
        }

        private var pool: String {
            """
            apiVersion: infra/v1
            kind: StoragePool
            metadata: {name: san}
            spec:
              hosts: [\(one.name)]
              iscsi:
                portal: \(server.address)
                target: "\(RackHost.target)"
                manage: {host: \(server.name), directory: \(Self.folder)}
            ---

            """
        }

        private static func volume(_ name: String = "data", size: String, deletion: String) -> String {
            """
            apiVersion: infra/v1
            kind: Volume
            metadata: {name: \(name)}
            spec: {pool: san, size: \(size), format: raw, deletion: \(deletion)}

            """
        }

        private func serve() async throws { try await server.startTarget([(1, Self.byHand)]) }

        private func withTarget(_ body: () async throws -> Void) async throws {
            func end() async throws {
                try await one.sh(
                    "if [[ -e /run/infra-stranger ]]; then kill \"$(cat /run/infra-stranger)\" || true; fi")
                try await server.endTarget()
                try await server.sh("rm -rf \(Self.byHand) \(Self.folder)")
            }
            try await end()
            try await server.sh("echo other >\(Self.byHand); truncate -s 16M \(Self.byHand)")
            try await serve()
            try await ending(end, after: body)
        }
    }
}
