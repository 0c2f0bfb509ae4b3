import Foundation
import Testing

extension RackTests {
    /// What `Fleet.spec.migration` allows a move reaches QEMU, and a move that does not end is given up: the guest goes on.
    @Suite struct RackMoveLimitTests {
        private let one = RackHost.all[0]
        private let two = RackHost.all[1]

        @Test func aMoveThatDoesNotEndIsGivenUp() async throws {
            try await withRacks("limits") { fleet in
                let slow = "migration: {bandwidth: 8Mbit, maxDowntime: 240, timeout: 10}"
                let short = "migration: {bandwidth: 68Mbit, maxDowntime: 10}"
                try fleet.writeBase(networks: ["net": 6044], spec: short)
                for host in [one, two] { try fleet.writeHost(host) }
                try fleet.writeMachine("mover", on: one, network: "net", address: 11)
                let made = try await fleet.apply()
                #expect(made.status == 0 && made.lastLine == "No changes.", "\(made)")
                try await one.tells(fleet, "mover", "mover up 10.60.0.11")
                // It writes to some of its memory all the time, and no zeros, which would cost nothing to send.
                try await one.type(
                    "mover", "while :; do dd if=/dev/vda of=/run/much bs=1M count=4 conv=notrunc 2>/dev/null; done &")
                try await one.type("mover", GuestConsole.counting)
                try await one.tells(fleet, "mover", "count 3")
                try fleet.writeMachine("mover", on: two, network: "net", address: 11)
                let busy = try await fleet.watch { _, _ in }
                try await goesOn(
                    fleet, after: busy,
                    why: "writes faster than its memory is sent, even with 10 ms of standstill; it was given up")

                try fleet.edit("fleet.yaml", short, slow)
                // Disks come first, and are limited by other means. The downtime is set once memory is sent, after the news of it.
                var limits = ""
                // Should the source end at the last moment and start anew, it must not start what has left it.
                var autostart: Set<String> = [try await starts(with: one)]
                #expect(autostart == ["enable"])
                let late = try await fleet.watch { event, _ in
                    if event.what == .stepProgress, event.step.hasSuffix("/migrate") {
                        autostart.insert(try await starts(with: one))
                    }
                    let isThere = limits.contains("max-bandwidth: 1048576 ") && limits.contains("downtime-limit: 30 ms")
                    guard event.what == .stepProgress, !isThere else { return }
                    limits = try await one.sh(
                        "virsh qemu-monitor-command --hmp mover 'info migrate_parameters' || true")
                }
                #expect(limits.contains("max-bandwidth: 1048576 bytes/second"), "\(limits)")
                #expect(limits.contains("downtime-limit: 30 ms"), "\(limits)")
                #expect(autostart == ["enable", "disable"])
                #expect(try await starts(with: one) == "enable")
                try await goesOn(
                    fleet, after: late, why: "it did not end within 10 seconds; it was given up")

                try fleet.edit("fleet.yaml", slow, "")
                let ended = try await fleet.apply()
                #expect(ended.status == 0 && ended.lastLine == "No changes.", "\(ended)")
                #expect(try await one.all().isEmpty)
                try await two.whileAlive(fleet, "mover") {
                    try await two.press("mover")
                    try await two.counts(fleet, "mover", to: (try await one.counts(fleet, "mover").last ?? 0) + 3)
                }
            }
        }

        /// Whether libvirt starts the guest with its host: `enable` or `disable`.
        private func starts(with host: RackHost) async throws -> String {
            try await host.sh("virsh dominfo mover | sed -n 's/^Autostart: *//p'")
        }

        /// The guest is where it was, and its disk counts there alone.
        private func goesOn(_ fleet: RackFleet, after ended: Ended, why: String) async throws {
            #expect(ended.status == 1 && ended.output.contains(why), "\(ended)")
            #expect(try await one.running() == ["mover"])
            #expect(try await two.all().isEmpty)
            #expect(try await one.copies(fleet, "mover.root") == ["counts"])
            #expect(try await !two.copies(fleet, "mover.root").contains("counts"))
            try await one.counts(fleet, "mover", to: (try await one.counts(fleet, "mover").last ?? 0) + 3)
        }
    }
}
