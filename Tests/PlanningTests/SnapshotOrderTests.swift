import Foundation
import Model
import Testing

@testable import Planning

/// What snapshots wait for, and what waits for them, which the text of a plan does not say.
@Suite struct SnapshotOrderTests {
    private let now = Moment("2026-11-30T12:00:00Z")
    private let taking = "server-1/Snapshot/before/take"

    private func plan(_ name: String, heldBack: [ResourceID: String] = [:]) throws -> Plan {
        let folder = PlanCases.folder.appending(path: name)
        let manifest = try PlanCases.fleet(folder.appending(path: "manifests"))
        return Planner.plan(
            manifest, observed: try PlanCases.observed(folder, manifest),
            options: PlanOptions(allowance: .stop, heldBack: heldBack, now: now))
    }

    @Test func whatIsOffIsKeptBeforeItStarts() throws {
        let plan = try plan("snapshot-of-what-is-off-and-starts")
        let others = plan.steps.filter { $0.id != taking }
        #expect(Set(others.map(\.operation.name)) == ["grow", "update", "start"])
        #expect(others.allSatisfy { $0.after.contains(taking) }, "\(others.map(\.after))")
        #expect(plan.steps.first?.id == taking)
    }

    @Test func whatAnEarlierRunLeftGoesBefore() throws {
        let plan = try plan("snapshot-part-that-is-being-wiped")
        let removal = try #require(plan.steps.first { $0.removesUnfinished })
        #expect(plan.steps.first { $0.id == taking }?.after.contains(removal.id) == true)
    }

    /// The reason may last: what loses nothing goes on.
    @Test func onlyADeletionWaitsForASnapshotThatIsHeldBack() throws {
        let snapshot = ResourceID(.snapshot, "before")
        func blocked(_ manifest: FleetManifest, _ observed: [String: HostInventory]) -> [ResourceID: String] {
            let options = PlanOptions(allowance: .dataLoss, heldBack: [snapshot: "suspended"], now: now)
            let plan = Planner.plan(manifest, observed: observed, options: options)
            isLost = plan.steps.contains { $0.action == .delete }
            return plan.blocked.reduce(into: [:]) { $0[$1.resource] = $1.reason }
        }
        var isLost = false
        let folder = PlanCases.folder.appending(path: "snapshot-of-a-running-machine")
        var manifest = try PlanCases.fleet(folder.appending(path: "manifests"))
        var observed = try PlanCases.observed(folder, manifest)
        #expect(blocked(manifest, observed) == [snapshot: "suspended"])
        let web = try #require(manifest.machines.firstIndex { $0.metadata.name == "web" })
        let disk = "web.\(manifest.machines[web].spec.disks.removeLast().name)"
        for (id, host) in observed {
            for index in host.volumes.indices where host.volumes[index].metadata.identity == disk {
                observed[id]?.volumes[index].status?.mark?.deletion = .delete
            }
        }
        let reason = "waits for Snapshot/before, which is blocked: suspended"
        let waiting = [ResourceID(.virtualMachine, "web"), ResourceID(.volume, disk)]
        let found = blocked(manifest, observed)
        #expect(waiting.allSatisfy { found[$0] == reason }, "\(found)")
        #expect(!isLost)
    }

    @Test func aSnapshotIsOfWhatItsMachineHad() throws {
        let folder = PlanCases.folder.appending(path: "snapshot-of-something-else-now")
        var manifest = try PlanCases.fleet(folder.appending(path: "manifests"))
        let nightly = "nightly"
        #expect(SnapshotSubjects(manifest).has(nightly, anyOf: ["Volume/db.gone", "Volume/web.root"]))
        #expect(!SnapshotSubjects(manifest).has(nightly, anyOf: ["Volume/web.data", "Volume/web.root"]))
        // A disk that it has no more, and nobody else has; but not once another machine has it.
        #expect(SnapshotSubjects(manifest).has(nightly, anyOf: ["Volume/archive"]))
        let web = try #require(manifest.machines.firstIndex { $0.metadata.name == "web" })
        manifest.machines[web].spec.disks[0].volume = "archive"
        #expect(!SnapshotSubjects(manifest).has(nightly, anyOf: ["Volume/archive"]))
        #expect(SnapshotSubjects(manifest).has(nightly, anyOf: []))
    }
}
