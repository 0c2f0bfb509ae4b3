import Foundation
import Model
import Testing

extension RackTests {
    /// A host is gone for good: what was on it is made anew once somebody says so, and by its UUID.
    @Suite struct RackForgetTests {
        private let one = RackHost.all[0]
        private let two = RackHost.all[1]

        private func forget(_ fleet: RackFleet, _ options: String...) async throws -> Ended {
            try await Program.run(
                Program.infra,
                ["forget", "rack-2", fleet.manifests, "--ssh-keys", keysOfLab(), "--files", fleet.home + "/files"]
                    + options)
        }

        @Test func itsMachinesAreMadeAnewByItsUUIDAlone() async throws {
            try await withRacks("gone") { fleet in
                try fleet.writeBase(networks: ["net": 6043])
                for host in [one, two] { try fleet.writeHost(host) }
                try fleet.writeMachine("stays", on: one, network: "net", address: 11, power: "stopped")
                try fleet.writeMachine("lost", on: two, network: "net", address: 12, power: "stopped")
                let applied = try await fleet.apply()
                try #require(applied.status == 0 && applied.lastLine == "No changes.", "\(applied)")
                let uuid = Identity.hostUUID(machineID: try await two.sh("cat /etc/machine-id")).lowercased
                let other = Identity.hostUUID(machineID: try await one.sh("cat /etc/machine-id")).lowercased

                try await two.stopSSH()
                let declared = try await forget(fleet, "--yes-it-is-gone", uuid)
                #expect(declared.status == 2 && declared.error.contains("remove it there first"), "\(declared)")
                try fleet.remove("rack-2.yaml")
                try fleet.writeMachine("lost", on: nil, network: "net", address: 12, power: "stopped")
                try await isBlocked(fleet)

                let asked = try await forget(fleet)
                #expect(asked.status == 4, "\(asked)")
                #expect(asked.output.contains("Host rack-2 is \(uuid)"), "\(asked)")
                #expect(asked.output.contains("left on it: lost."), "\(asked)")
                let wrong = try await forget(fleet, "--yes-it-is-gone", other)
                #expect(wrong.status == 4 && wrong.error.contains("is \(uuid), not \(other)"), "\(wrong)")
                try await isBlocked(fleet)

                let forgotten = try await forget(fleet, "--yes-it-is-gone", uuid)
                #expect(forgotten.status == 0, "\(forgotten)")
                #expect(forgotten.output == "Host rack-2 is forgotten. It had lost.\n", "\(forgotten)")
                let again = try await forget(fleet, "--yes-it-is-gone", uuid)
                #expect(again.status == 1 && again.error.contains("remembers host rack-2"), "\(again)")
                let anew = try await fleet.apply()
                #expect(anew.status == 0 && anew.lastLine == "No changes.", "\(anew)")
                #expect(try await one.all() == ["stays", "lost"])
                #expect(try await one.copies(fleet, "lost.root") == ["counts"])
            }
        }

        private func isBlocked(_ fleet: RackFleet) async throws {
            let lost = try await fleet.apply()
            #expect(lost.status == 1, "\(lost)")
            #expect(lost.output.contains("left the manifests while a machine was on it (lost)"), "\(lost)")
            #expect(try await one.all() == ["stays"])
        }
    }
}
