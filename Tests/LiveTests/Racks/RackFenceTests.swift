import Foundation
import Model
import Testing

extension RackTests {
    /// Leases on disks that several hosts reach, and hosts that are said to be off. QEMU takes no locks of its own here.
    @Suite struct RackFenceTests {
        private let hosts = RackHost.all
        private let one = RackHost.all[0]
        private let two = RackHost.all[1]

        private func withLeases(_ body: () async throws -> Void) async throws {
            do {
                for host in hosts { try await host.unlockQEMU() }
                try await body()
            } catch {
                for host in hosts { try? await host.forgetLeases() }
                throw error
            }
            for host in hosts { try await host.forgetLeases() }
        }

        private func fence(_ fleet: RackFleet, _ options: String...) async throws -> Ended {
            try await Program.run(
                Program.infra,
                ["fence", "rack-2", fleet.manifests, "--ssh-keys", keysOfLab(), "--files", fleet.home + "/files"]
                    + options)
        }

        /// Nobody has the machine but these, and no host remembers that another one was said to be off.
        private func expectNoWord(_ fleet: RackFleet, but homes: [RackHost]) async throws {
            for host in hosts {
                let fences = try await host.sh(#"jq -c .fences "/var/lib/infra/$1.json""#, fleet.id.lowercased)
                #expect(fences == "null", "\(host)")
                #expect(try await host.all().isEmpty == !homes.contains(host), "\(host)")
            }
        }

        /// Where the machine runs.
        private func places() async throws -> [String] {
            var places: [String] = []
            for host in hosts where try await host.running().contains("mover") { places.append(host.name) }
            return places
        }

        @Test func whatRanOnAFencedHostRunsOnceElsewhere() async throws {
            try await withLeases {
                try await withRacks("fence") { fleet in
                    try await fleet.withFolder(on: hosts) { folder in
                        try await begin(fleet, folder)
                        try await fenced(fleet)
                        try await returned(fleet, folder)
                    }
                }
            }
        }

        /// A guest that was started before there were leases gets its own by a restart.
        private func begin(_ fleet: RackFleet, _ folder: String) async throws {
            try fleet.writeBase(networks: ["net": 6061], shared: folder)
            for host in hosts { try fleet.writeHost(host, "storageRoots: [/srv]") }
            try fleet.writeMachine("mover", on: two, network: "net", address: 11)
            let made = try await fleet.apply()
            try #require(made.status == 0 && made.lastLine == "No changes.", "\(made)")
            try fleet.writeMachine("mover", on: nil, network: "net", address: 11)
            try fleet.writeBase(networks: ["net": 6061], shared: folder, leases: true)
            let off = try await fleet.infra("plan")
            #expect(
                off.status == 1
                    && off.output.contains("no machine gets leases on host rack-2: libvirt has no lock manager"),
                "\(off)")
            #expect(off.output.contains("systemctl restart libvirtd"), "\(off)")
            for host in hosts { try await host.takeLeases() }
            let on = try await fleet.apply()
            #expect(on.status == 0 && on.output.contains("runs without a lease on \(folder)/mover.root."), "\(on)")
            try await two.stopSSH()
            let early = try await fence(fleet)
            #expect(early.status == 4 && early.error.contains("nothing of host rack-2 may start elsewhere"), "\(early)")
            try await two.startSSH()
            let again = try await Program.run(
                Program.infra,
                [
                    "restart", "VirtualMachine/mover", fleet.manifests, "--ssh-keys", keysOfLab(), "--files",
                    fleet.home + "/files", "--yes", "--grace", "20s",
                ])
            #expect(again.status == 0, "\(again)")
            #expect(!(try await fleet.infra("plan")).output.contains("without a lease"))
            #expect(try await places() == ["rack-2"])
            // Nothing but the lease is in the way of a second one.
            let locks = try await two.sh(
                #"grep -c "OFDLCK.*:$(stat -c %i "$1"/mover.root.*.qcow2) " /proc/locks || true"#, folder)
            #expect(locks == "0")
        }

        /// Said to be off while it is not: libvirt refuses. Then it is off.
        private func fenced(_ fleet: RackFleet) async throws {
            let uuid = Identity.hostUUID(machineID: try await two.sh("cat /etc/machine-id")).lowercased
            let answers = try await fence(fleet, "--yes-it-is-off", uuid)
            #expect(answers.status == 4 && answers.error.contains("host rack-2 answers"), "\(answers)")
            try await two.stopSSH()
            let blocked = try await fleet.apply()
            #expect(blocked.status == 1, "\(blocked)")
            let asked = try await fence(fleet)
            #expect(asked.status == 4 && asked.output.contains("Host rack-2 is \(uuid)"), "\(asked)")
            #expect(asked.output.contains("with their disks: mover."), "\(asked)")
            let wrong = try await fence(fleet, "--yes-it-is-off", UUID().lowercased)
            #expect(wrong.status == 4 && wrong.error.contains("is \(uuid), not"), "\(wrong)")
            let done = try await fence(fleet, "--yes-it-is-off", uuid)
            #expect(done.status == 0 && done.output.contains("May start elsewhere: mover."), "\(done)")
            let told = try await fleet.infra("status")
            #expect(
                told.output.contains("Host rack-2: not observed; fenced; elsewhere may start: mover\n"), "\(told)")
            let alive = try await fleet.apply()
            #expect(alive.status == 1 && alive.output.contains("is locked"), "\(alive)")
            #expect(try await places() == ["rack-2"])
            // It is heard of again: what was defined elsewhere goes, and the word with it.
            try await two.startSSH()
            let ended = try await fleet.apply()
            #expect(ended.status == 0 && ended.lastLine == "No changes.", "\(ended)")
            #expect(ended.output.contains("was fenced and answers"), "\(ended)")
            #expect(try await places() == ["rack-2"])
            try await expectNoWord(fleet, but: [two])
            // Now it is off.
            try await two.losePower()
            let again = try await fence(fleet, "--yes-it-is-off", uuid)
            #expect(again.status == 0, "\(again)")
            let moved = try await fleet.apply()
            #expect(moved.status == 0 && moved.lastLine == "No changes.", "\(moved)")
        }

        /// The host is back, and would start the machine by itself.
        private func returned(_ fleet: RackFleet, _ folder: String) async throws {
            let disk = try await one.sh(#"stat -c '%n %i' "$1"/mover.root.*"#, folder)
            try await two.returnPower()
            let others = hosts.filter { $0 != two }
            let running = try await places()
            #expect(running.count == 1 && running != ["rack-2"], "\(running)")
            #expect(try await two.sh("virsh dominfo mover | sed -n 's/^Autostart: *//p'") == "enable")
            #expect(try await two.state("mover") == "shut off")
            #expect(try await two.sh("virsh start mover 2>&1 || true").contains("is locked"))
            let status = try await fleet.infra("status")
            #expect(status.status == 1 && status.output.contains("drift: VirtualMachine/mover on rack-2"), "\(status)")
            #expect(status.output.contains("  fenced, and answers again"), "\(status)")
            #expect(status.output.contains("  leases: on 1 disk\n"), "\(status)")
            let clean = try await fleet.apply()
            #expect(clean.status == 0 && clean.lastLine == "No changes.", "\(clean)")
            #expect(try await places() == running)
            #expect(try await one.sh(#"stat -c '%n %i' "$1"/mover.root.*"#, folder) == disk)
            let home = try #require(others.first { $0.name == running.first })
            try await expectNoWord(fleet, but: [home])
            try await home.whileAlive(fleet, "mover") { try await home.tells(fleet, "mover", "mover up 10.60.0.11") }
            let gone = try await fleet.infra("destroy", "--yes", "--allow", "stop", "--grace", "5s")
            #expect(gone.status == 0, "\(gone)")
        }
    }
}
