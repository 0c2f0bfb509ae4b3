import Foundation
import Manifests
import Model
import Planning
import TestSupport
import Testing

/// Golden cases: `Tests/Cases/plan/<case>/` holds `manifests/`, what was `observed.yaml` (nothing was, without it), `options`
/// (`allow CLASS`, `target KIND/ID`, `now MOMENT`, `unused-images`, `sparsify VOLUME`, `delete-now`, `purge-deleted` and `destroy`, one a line) and `plan.txt`. A new case needs no code; `RECORD=1 swift test` writes what is missing.
/// A folder `before/` makes `observed.yaml`: the state in which those manifests are applied.
@Suite struct PlanCases {
    static let folder = Lab.repository.appending(path: "Tests/Cases/plan")
    static let isRecording = ProcessInfo.processInfo.environment["RECORD"] != nil

    static var cases: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).sorted()
    }

    @Test func thereAreCases() { #expect(Self.cases.count >= 10) }

    @Test(arguments: cases) func thePlanIsAsRecorded(name: String) throws {
        let folder = Self.folder.appending(path: name)
        let manifest = try Self.fleet(folder.appending(path: "manifests"))
        try Self.recordBefore(folder)
        let plan = Planner.plan(
            manifest, observed: try Self.observed(folder, manifest),
            options: try Self.options(folder, manifest.fleet.policy))
        let text = PlanText().render(plan)
        let expected = folder.appending(path: "plan.txt")
        if Self.isRecording { try Data(text.utf8).write(to: expected) }
        #expect(try String(contentsOf: expected, encoding: .utf8) == text)
        guard plan.problems.isEmpty, plan.blocked.isEmpty else { return }
        var simulator = Simulator(try Self.observed(folder, manifest))
        try simulator.apply(plan)
        let next = Planner.plan(
            manifest, observed: simulator.observation(manifest),
            options: try Self.options(folder, manifest.fleet.policy).afterwards)
        #expect(next.isEmpty, "\(PlanText().render(next))")
    }

    static func fleet(_ folder: URL) throws -> FleetManifest {
        let result = ManifestReader.read(try ManifestFolder.read(folder.path))
        return try #require(result.loaded, "\(result.diagnostics)").manifest
    }

    static func observed(_ folder: URL, _ manifest: FleetManifest) throws -> [String: HostInventory] {
        let file = folder.appending(path: "observed.yaml")
        guard let bytes = FileManager.default.contents(atPath: file.path) else {
            return Simulator.empty(manifest).observation(manifest)
        }
        let recorded = try InventoryDocument.read(SourceFile(path: "observed.yaml", bytes: Array(bytes)))
        return recorded.hosts.reduce(into: [:]) { $0[$1.host.metadata.identity] = $1 }
    }

    private static func recordBefore(_ folder: URL) throws {
        let before = folder.appending(path: "before")
        let file = folder.appending(path: "observed.yaml")
        guard isRecording, FileManager.default.fileExists(atPath: before.path),
            !FileManager.default.fileExists(atPath: file.path)
        else { return }
        let manifest = try fleet(before)
        var simulator = Simulator.empty(manifest)
        let then = PlanOptions(now: Moment("2026-11-29T02:00:00Z"))
        try simulator.apply(Planner.plan(manifest, observed: simulator.observation(manifest), options: then))
        let text = InventoryDocument.write(Array(simulator.observation(manifest).values), fleet: manifest.fleet)
        try Data(text.utf8).write(to: file)
    }

    private static func options(_ folder: URL, _ policy: Fleet.Policy) throws -> PlanOptions {
        var options = PlanOptions(now: Moment("2026-11-30T12:00:00Z"), rotatesSnapshots: policy.rotateSnapshots)
        let text = (try? String(contentsOf: folder.appending(path: "options"), encoding: .utf8)) ?? ""
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ").map(String.init)
            switch words.first {
            case "destroy": options.destroys = true
            case "now":
                options.now = Moment(words[1])
                #expect(options.now != nil, "\(line) names no moment")
            case "sparsify": options.sparsified.insert(words[1])
            case "unused-images": options.removesUnusedImages = true
            case "delete-now": options.keepsDeleted = false
            case "purge-deleted": options.purgesDeleted = true
            case "allow": options.allowance = try #require(Disruption(rawValue: words[1]))
            case "target": options.targets.insert(try #require(ResourceID(words[1])))
            default: Issue.record("\(line) is no option")
            }
        }
        return options
    }
}
