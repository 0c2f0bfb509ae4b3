import Foundation
import Manifests
import Model
import Planning
import TestSupport

/// Writes what `infra validate` and `infra plan --inventory` are measured on: the manifests of a generated fleet, and the
/// inventory that its first plan leaves behind on an empty host.
///
///     BenchmarkInventory MACHINES FOLDER      → FOLDER/manifests/fleet.yaml, FOLDER/inventory.yaml
@main
enum BenchmarkInventory {
    private struct Refused: Error, CustomStringConvertible {
        let description: String
    }

    static func main() throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 3, let machines = Int(arguments[1]) else {
            throw Refused(description: "usage: BenchmarkInventory MACHINES FOLDER")
        }
        let folder = URL(filePath: arguments[2], directoryHint: .isDirectory)
        let manifests = folder.appending(path: "manifests", directoryHint: .isDirectory)
        try FileManager.default.createDirectory(at: manifests, withIntermediateDirectories: true)
        let text = GeneratedFleet.manifestText(machines: machines)
        try Data(text.utf8).write(to: manifests.appending(path: "fleet.yaml"))
        let inventory = try inventory(SourceFile(path: "fleet.yaml", bytes: Array(text.utf8)))
        try Data(inventory.utf8).write(to: folder.appending(path: "inventory.yaml"))
    }

    /// What `infra observe` would record on the host once the manifests are applied.
    private static func inventory(_ file: SourceFile) throws -> String {
        let result = ManifestReader.read([file])
        guard let manifest = result.loaded?.manifest else {
            throw Refused(description: result.diagnostics.map { "\($0)" }.joined(separator: "\n"))
        }
        var simulator = Simulator.empty(manifest)
        let plan = Planner.plan(manifest, observed: simulator.observation(manifest))
        guard plan.problems.isEmpty, plan.blocked.isEmpty, plan.deferred.isEmpty else {
            throw Refused(description: "the first plan of the generated fleet is not clean: \(plan.problems)")
        }
        try simulator.apply(plan)
        let observed = simulator.observation(manifest)
        return InventoryDocument.write(
            manifest.hosts.compactMap { observed[$0.metadata.identity] }, fleet: manifest.fleet)
    }
}
