import Foundation
import Testing

extension RackTests {
    /// What the hosts remember of each other keeps a machine from being made twice.
    @Suite struct RackRosterTests {
        private let one = RackHost.all[0]
        private let two = RackHost.all[1]

        /// Two hosts, with a machine on the second that may be anywhere.
        private func withRoamer(_ name: String, _ body: (RackFleet) async throws -> Void) async throws {
            try await withRacks(name) { fleet in
                try fleet.writeBase(networks: ["net": 6030])
                for host in [one, two] { try fleet.writeHost(host) }
                try fleet.writeMachine("roamer", on: two, network: "net", address: 11, power: "stopped")
                let applied = try await fleet.apply()
                #expect(applied.status == 0 && applied.lastLine == "No changes.", "\(applied)")
                try fleet.writeMachine("roamer", on: nil, network: "net", address: 11, power: "stopped")
                #expect(try await fleet.apply().output == "No changes.\n")
                try await body(fleet)
            }
        }

        private func expectOneCopy() async throws {
            #expect(try await !one.all().contains("roamer"))
            #expect(try await two.all().contains("roamer"))
        }

        @Test func aHostThatLeavesTheManifestsKeepsItsMachines() async throws {
            try await withRoamer("leaver") { fleet in
                try fleet.remove("rack-2.yaml")
                let lost = try await fleet.apply()
                #expect(lost.status == 1, "\(lost)")
                #expect(lost.output.contains("left the manifests while a machine was on it (roamer)"), "\(lost)")
                #expect(lost.output.contains("declare it again, with `offline: true`"), "\(lost)")
                try await expectOneCopy()

                // Somebody says that it is off: what was there stays put, new machines go on.
                try fleet.writeHost(two, "offline: true")
                try fleet.writeMachine("fresh", on: nil, network: "net", address: 12, power: "stopped")
                let offline = try await fleet.apply()
                #expect(offline.output.contains("Host/rack-2: is said to be off"), "\(offline)")
                #expect(try await one.all().contains("fresh"), "\(offline)")
                try await expectOneCopy()

                try fleet.writeHost(two)
                let back = try await fleet.apply()
                #expect(back.status == 0 && back.lastLine == "No changes.", "\(back)")
                try await expectOneCopy()
            }
        }

        @Test func aMachineSeenNowhereIsNotMadeWhileAHostIsSilent() async throws {
            try await withRoamer("silent") { fleet in
                try await two.stopSSH()
                try fleet.writeMachine("fresh", on: one, network: "net", address: 12, power: "stopped")
                let silent = try await fleet.apply()
                #expect(silent.status == 1, "\(silent)")
                #expect(silent.output.contains("Host/rack-2"), "\(silent)")
                #expect(silent.output.contains("host rack-2 unknown"), "\(silent)")
                #expect(try await !one.all().contains("fresh"))
                try await expectOneCopy()
                try await two.startSSH()
                let back = try await fleet.apply()
                #expect(back.status == 0 && back.lastLine == "No changes.", "\(back)")
                #expect(try await one.all().contains("fresh"))
            }
        }

        @Test func anotherMachineUnderTheNameAndOneUnderTwo() async throws {
            try await withRoamer("names") { fleet in
                try await two.sh(
                    "cp /etc/machine-id /run/machine-id.kept; tr 0-9a-f 1-9a-f0 </run/machine-id.kept >/etc/machine-id")
                let changed = try await fleet.infra("plan")
                try await two.sh("cp /run/machine-id.kept /etc/machine-id")
                #expect(changed.output.contains("under that name"), "\(changed)")
                #expect(changed.output.contains("Nothing can be done"), "\(changed)")

                try fleet.write(
                    "rack-9.yaml",
                    """
                    apiVersion: infra/v1
                    kind: Host
                    metadata: {name: rack-9}
                    spec: {connect: {ssh: {address: "\(two.address6)"}}, underlay: {address: 192.0.2.99}}
                    """)
                let twins = try await fleet.apply()
                #expect(twins.status == 1, "\(twins)")
                #expect(twins.output.contains("it and Host/rack-9 are one machine"), "\(twins)")
                #expect(twins.output.contains("it and Host/rack-2 are one machine"), "\(twins)")
                try await expectOneCopy()
                try fleet.remove("rack-9.yaml")
                #expect(try await fleet.apply().output == "No changes.\n")
            }
        }
    }
}
