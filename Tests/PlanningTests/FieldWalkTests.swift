import Foundation
import Manifests
import Model
import Planning
import TestSupport
import Testing

/// Changing any field of any kind changes a step, is rejected, or the field stands in a reviewed list. A new field that planning
/// forgets fails here.
@Suite struct FieldWalkTests {
    /// Fields that change nothing on a host whose objects are there, each with the reason.
    static let readByPlanningOnly: [String: String] = [
        "Fleet metadata.labels": "words for selecting",
        "Fleet spec.policy.unattended": "read by unattended runs",
        "Fleet spec.policy.prune": "read by unattended runs",
        "Fleet spec.policy.deletionBudget": "read by unattended runs",
        "Fleet spec.policy.drift": "read by unattended runs",
        "Fleet spec.placement": "read by placement",
        "Host metadata.labels": "words for selecting",
        "Host spec.capacity.cpu": "read by capacity",
        "Host spec.capacity.memory": "read by capacity",
        "Host spec.reserve.cpu": "read by capacity",
        "Host spec.reserve.memory": "read by capacity",
        "Host spec.overcommit.cpu": "read by capacity",
        "Host spec.overcommit.memory": "read by capacity",
        "Host spec.storageRoots": "read by validation and when a pool is made",
        "Host spec.accelerator": "the machines here say their own",
        "Host spec.maintenance": "read by placement",
        "Host spec.connect.ssh": "read when the host is reached",
        "StoragePool metadata.labels": "words for selecting",
        "StoragePool spec.overcommit": "read by capacity",
        "StoragePool spec.capacity": "read by capacity",
        "Image metadata.labels": "words for selecting",
        "Image spec.file": "the digest counts, not the name",
        "Network metadata.labels": "words for selecting",
        "Network spec.securityGroups": "one more group, which nobody is in",
        "Volume metadata.labels": "words for selecting",
        "Volume spec.clone": "read when a volume is made",
        "Volume spec.reuse": "read when a retained volume comes back",
        "VirtualMachine metadata.labels": "words for selecting",
        "VirtualMachine spec.cpu.max": "ignored by this machine's ignoreChanges",
        "VirtualMachine spec.disks[].clone": "read when a volume is made",
        "VirtualMachine spec.disks[].reuse": "read when a retained volume comes back",
        "VirtualMachine spec.ready": "read by a start",
        "VirtualMachine spec.unmanagedDevices": "nothing unmanaged is there",
        "VirtualMachine spec.ignoreChanges": "nothing of it differs",
    ]

    static func fleet() throws -> FleetManifest {
        let path = Lab.repository.appending(path: "Tests/Cases/every-field").path
        let result = ManifestReader.read(try ManifestFolder.read(path))
        var manifest = try #require(result.loaded, "\(result.diagnostics)").manifest
        // As if the secrets had been read.
        for index in manifest.machines.indices {
            manifest.machines[index].spec.cloudInit?.setDigests { $0.file.map { "digest of \($0)" } }
        }
        return manifest
    }

    @Test func everyFieldCounts() throws {
        let manifest = try Self.fleet()
        var simulator = Simulator.empty(manifest)
        try simulator.apply(Planner.plan(manifest, observed: simulator.observation(manifest)))
        let options = PlanOptions(allowance: .dataLoss)
        let base = Planner.plan(manifest, observed: simulator.observation(manifest), options: options)
        try #require(base.isEmpty && base.deferred.isEmpty, "\(PlanText().render(base))")
        var works: [String: Bool] = [:]
        for variant in FieldWalk.variants(of: manifest) {
            let field = "\(variant.resource.kind.rawValue) \(Self.generic(variant.field))"
            guard ManifestReader.read(Self.files(variant.manifest)).loaded != nil else {
                works[field] = true
                continue
            }
            let plan = Planner.plan(
                variant.manifest, observed: simulator.observation(variant.manifest), options: options)
            let changes = !plan.isEmpty || plan.notes != base.notes
            works[field] = works[field] == true || changes
        }
        for (field, works) in works.sorted(by: { $0.key < $1.key }) where !works {
            #expect(Self.readByPlanningOnly[field] != nil, "\(field) changes nothing")
        }
        #expect(Set(Self.readByPlanningOnly.keys).subtracting(works.keys).isEmpty, "reviewed, but no field")
        for field in Self.readByPlanningOnly.keys.sorted() {
            #expect(works[field] != true, "\(field) is reviewed as changing nothing, but it does")
        }
        #expect(works.count >= 50)
    }

    private static func files(_ manifest: FleetManifest) -> [SourceFile] {
        [SourceFile(path: "fleet.yaml", bytes: Array(ManifestDocument.write(manifest).utf8))]
    }

    /// `spec.disks[root].size` is one field whatever the disk's name.
    private static func generic(_ field: String) -> String { field.replacing(#/\[[^\]]*\]/#, with: "[]") }
}
