import Foundation
import Model
import Testing

extension RackTests {
    /// Machines go from host to host: those that run with their memory and their disks, those that are off with these.
    @Suite struct RackMoveTests {
        private let one = RackHost.all[0]
        private let two = RackHost.all[1]
        private let three = RackHost.all[2]

        private static let writing =
            "dd if=/dev/urandom of=/dev/vda bs=1M seek=40 count=12 2>/dev/null; sync; "
            + "set -- $(sha256sum /dev/vda); echo infra-guest: wrote $1"
        private static let reading =
            "sync; echo 3 >/proc/sys/vm/drop_caches; set -- $(sha256sum /dev/vda); echo infra-guest: reads $1"

        private func word(_ word: String, of machine: String, _ fleet: RackFleet, on host: RackHost) async throws
            -> String
        {
            let end = ContinuousClock.now + .seconds(120)
            while ContinuousClock.now < end {
                if let line = try await host.told(fleet, machine).last(where: { $0.hasPrefix("infra-guest: \(word) ") })
                {
                    return String(line.split(separator: " ").last ?? "")
                }
                try await Task.sleep(for: .milliseconds(300))
            }
            throw Failure("\(machine) does not tell what it \(word)")
        }

        @Test func anotherHostMovesTheGuestAsItRuns() async throws {
            try await withRacks("mover") { fleet in
                try fleet.writeBase(networks: ["net": 6040])
                for host in RackHost.all { try fleet.writeHost(host) }
                try fleet.writeMachine("mover", on: one, network: "net", address: 11)
                try fleet.writeMachine("stayer", on: three, network: "net", address: 12)
                let made = try await fleet.apply()
                #expect(made.status == 0 && made.lastLine == "No changes.", "\(made)")
                try await one.tells(fleet, "mover", "mover reaches 10.60.0.12")
                try await one.type("mover", Self.writing)
                let wrote = try await word("wrote", of: "mover", fleet, on: one)
                try await one.type("mover", GuestConsole.counting)
                try await one.tells(fleet, "mover", "count 3")
                let definition = try await one.sh("virsh dumpxml --inactive --security-info mover")

                try fleet.writeMachine("mover", on: two, network: "net", address: 11)
                let plan = try await fleet.infra("plan")
                #expect(
                    plan.output.contains(
                        "moving the machine: from host rack-1 to host rack-2 (live migration, 64MiB of disk copied) [live]"
                    ),
                    "\(plan)")
                var progress = 0
                let moved = try await fleet.watch { event, _ in
                    if event.what == .stepProgress { progress += 1 }
                }
                #expect(moved.status == 0, "\(moved)")
                let again = try await fleet.apply()
                #expect(again.status == 0 && again.lastLine == "No changes.", "\(again)")
                #expect(progress > 0)

                // The same boot goes on: what it counts has no gap and no new beginning.
                try await two.whileAlive(fleet, "mover") {
                    try await two.counts(fleet, "mover", to: (try await one.counts(fleet, "mover").last ?? 0) + 5)
                    let (before, after) = (try await one.counts(fleet, "mover"), try await two.counts(fleet, "mover"))
                    let all = before + after
                    #expect(
                        before.first == 1 && zip(all, all.dropFirst()).allSatisfy { $1 - $0 <= 2 && $1 > $0 }, "\(all)")
                    #expect(try await !two.told(fleet, "mover").contains { $0.contains("mover up") })
                    try await two.type("mover", Self.reading)
                    #expect(try await word("reads", of: "mover", fleet, on: two) == wrote)
                }
                #expect(try await two.digest(fleet, "mover.root") == wrote)

                // Its definition is what it was, and nothing is left where it was.
                #expect(try await two.sh("virsh dumpxml --inactive --security-info mover") == definition)
                #expect(try await one.all().isEmpty)
                #expect(try await one.files(fleet) == [])
                #expect(try await two.copies(fleet, "mover.root") == ["counts"])
                #expect(try await one.sh("ip -o link show type vxlan; nft list tables").isEmpty)
                #expect(try await three.floods(fleet.identity.tunnelName("net")) == [two.address])
                #expect(try await two.floods(fleet.identity.tunnelName("net")) == [three.address])
                // Who is elsewhere still reaches it.
                let seen = try await three.told(fleet, "stayer").count
                try await three.type("stayer", "ping -c 3 10.60.0.11 >/dev/null && echo infra-guest: pinged")
                try await three.tells(fleet, "stayer", "pinged")
                #expect(try await three.told(fleet, "stayer").count > seen)
            }
        }

        /// Maintenance empties a host of what can leave it; what is off moves with its disk's contents.
        @Test func maintenanceEmptiesAHost() async throws {
            try await withRacks("leaver") { fleet in
                try fleet.writeBase(networks: ["net": 6041])
                try fleet.writeHost(one)
                try fleet.writeHost(two)
                try fleet.writeMachine("awake", on: one, network: "net", address: 11)
                try fleet.writeMachine("asleep", on: one, network: "net", address: 12)
                try fleet.writeMachine("pinned", on: one, network: "net", address: 13, power: "stopped")
                let made = try await fleet.apply()
                #expect(made.status == 0 && made.lastLine == "No changes.", "\(made)")
                try await one.tells(fleet, "asleep", "asleep reaches 10.60.0.11")
                try await one.type("asleep", Self.writing)
                _ = try await word("wrote", of: "asleep", fleet, on: one)
                try await one.type("awake", GuestConsole.counting)
                try fleet.writeMachine("awake", on: nil, network: "net", address: 11)
                try fleet.writeMachine("asleep", on: nil, network: "net", address: 12, power: "stopped")
                let slept = try await fleet.apply("--allow", "stop", "--grace", "5s")
                #expect(slept.status == 0 && slept.lastLine == "No changes.", "\(slept)")
                let digest = try await one.digest(fleet, "asleep.root")

                try fleet.writeHost(one, "maintenance: true")
                let left = try await fleet.apply()
                #expect(left.status == 0 && left.lastLine == "No changes.", "\(left)")
                #expect(try await one.all() == ["pinned"])
                #expect(try await two.running() == ["awake"])
                #expect(try await two.all() == ["awake", "asleep"])
                let last = try await one.counts(fleet, "awake").last ?? 0
                try await two.whileAlive(fleet, "awake") { try await two.counts(fleet, "awake", to: last + 3) }
                #expect(try await two.digest(fleet, "asleep.root") == digest)
                #expect(try await one.files(fleet).allSatisfy { $0.contains("pinned") })
                let rest = try await fleet.infra("plan")
                #expect(rest.output.contains("in maintenance, and stays: its manifest names host rack-1"), "\(rest)")
                // Once nothing names it, it is empty.
                try fleet.writeMachine("pinned", on: nil, network: "net", address: 13, power: "stopped")
                let emptied = try await fleet.apply()
                #expect(emptied.status == 0 && emptied.lastLine == "No changes.", "\(emptied)")
                #expect(try await one.all().isEmpty)
                #expect(try await one.files(fleet).isEmpty)
                // What moved starts from its disk.
                try fleet.writeMachine("asleep", on: nil, network: "net", address: 12)
                let woken = try await fleet.apply()
                #expect(woken.status == 0 && woken.lastLine == "No changes.", "\(woken)")
                try await two.tells(fleet, "asleep", "asleep reaches 10.60.0.11")
            }
        }
    }
}
