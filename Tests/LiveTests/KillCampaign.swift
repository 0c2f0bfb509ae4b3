import Foundation
import Testing

/// `kill -9` at every place: run by `make campaign` alone, since each place needs the fleet made anew.
@Suite(
    .enabled(if: ProcessInfo.processInfo.environment["INFRA_CAMPAIGN"] != nil, "run by make campaign"), .serialized)
struct KillCampaign {
    @Test func theOfficeIsMade() async throws {
        try await withFleet("office") { office in
            try await office.writeOffice()
            let trial = try await KillTrial(office)
            try await trial.killEverywhere()
            try await trial.killInTheMiddle()
        }
    }

    /// With several steps under way, as they are by default: which ones differs from run to run.
    @Test func theOfficeIsMadeAtOnce() async throws {
        try await withFleet("office") { office in
            try await office.writeOffice()
            try await KillTrial(office, parallelism: 4).killEverywhere()
        }
    }

    @Test func theOfficeIsDestroyed() async throws {
        try await withFleet("office") { office in
            try await office.writeOffice()
            let trial = try await KillTrial(office, command: "destroy", "--allow", "stop", "--grace", "0s") {
                try await office.wipe()
                _ = try await office.apply()
            }
            try await trial.killEverywhere()
        }
    }

    /// Steps that a new fleet does not have: growing, restarting, stopping, deleting, replacing a link.
    @Test func aFleetIsChanged() async throws {
        try await withFleet("changed") { fleet in
            let trial = try await KillTrial(fleet, "--allow", "data-loss", "--grace", "0s") {
                try await fleet.wipe()
                try await sh(#"rm -f "$1"/*.yaml"#, fleet.manifests)
                try fleet.writeBase(vni: 7795)
                try fleet.writeMachine("grows", address: 11)
                try fleet.writeMachine("sleeps", address: 12, "power: stopped")
                try fleet.writeMachine("leaves", address: 13)
                try fleet.edit("leaves.yaml", "image: tiny", "image: tiny, deletion: delete")
                let applied = try await fleet.apply()
                guard applied.status == 0 else { throw Failure("\(applied)") }
                try fleet.edit("fleet.yaml", "vni: 7795", "vni: 7796")
                try fleet.edit("grows.yaml", "64MiB", "96MiB")
                try fleet.edit("grows.yaml", "128MiB", "160MiB")
                try fleet.edit("sleeps.yaml", "64MiB", "96MiB")
                try fleet.edit("sleeps.yaml", "{name: sleeps}", "{name: woken, id: sleeps}")
                try fleet.edit("sleeps.yaml", "cloudInit: {}", "cloudInit: {hostname: other}")
                try fleet.edit("sleeps.yaml", "power: stopped", "power: running")
                try fleet.remove("leaves.yaml")
                try fleet.writeMachine("comes", address: 14)
            }
            try await trial.killEverywhere()
            try await trial.killInTheMiddle()
        }
    }
}
