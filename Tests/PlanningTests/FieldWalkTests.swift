import Foundation
import Manifests
import Model
import Planning
import TestSupport
import Testing

/// Each field of each kind has a valid change that changes a step and that nothing stands in the way of, or it stands in one of
/// two reviewed lists. A new field that planning forgets fails here.
@Suite struct FieldWalkTests {
    /// Fields that change nothing on a host whose objects are there, each with what reads it.
    static let readByPlanningOnly: [String: String] = [
        "Fleet metadata.labels": "words for people and their tools",
        "Fleet spec.policy.unattended": "read by unattended runs",
        "Fleet spec.policy.prune": "read by unattended runs",
        "Fleet spec.policy.deletionBudget": "read by unattended runs",
        "Fleet spec.policy.drift": "read by unattended runs",
        "Fleet spec.policy.rotateSnapshots": "read when a snapshot is taken",
        "Fleet spec.deletedVolumes": "read when a volume is deleted",
        "Fleet spec.deletedVolumes.keepFor": "read when a volume is deleted",
        "Fleet spec.placement": "read when a new machine is placed",
        "Fleet spec.migration.bandwidth": "read by moves",
        "Fleet spec.migration.maxDowntime": "read by moves",
        "Fleet spec.migration.timeout": "read by moves",
        "Host metadata.labels": "read when a new machine is placed",
        "Host spec.capacity.cpu": "read by capacity",
        "Host spec.capacity.memory": "read by capacity",
        "Host spec.reserve.cpu": "read by capacity",
        "Host spec.reserve.memory": "read by capacity",
        "Host spec.overcommit.cpu": "read by capacity",
        "Host spec.overcommit.memory": "read by capacity",
        "Host spec.storageRoots": "read by validation and when a pool is made",
        "Host spec.underlay":
            "its parts count where it carries a tunnel, and only where it carries none may it be left out",
        "Host spec.maintenance": "machines move away that may and can, and a note says why the others stay",
        "Host spec.offline": "nothing is done there",
        "Host spec.connect.ssh": "read when the host is reached",
        "Host spec.connect.ssh.address": "read when the host is reached",
        "Host spec.connect.ssh.port": "read when the host is reached",
        "Host spec.connect.ssh.user": "read when the host is reached",
        "Host spec.connect.ssh.identity": "read when the host is reached",
        "Host spec.connect.ssh.hostKey": "read when the host is reached",
        "StoragePool metadata.labels": "words for people and their tools",
        "StoragePool metadata.uuid": "adopts what is not ours; another one is refused",
        "StoragePool spec.directory.path": "a pool's folder cannot change: refused",
        "StoragePool spec.lvm.volumeGroup": "a pool's volume group cannot change: refused",
        "StoragePool spec.lvm.adopt": "adopts what is not ours",
        "StoragePool spec.lvm.thinPool": "volumes that are thin stay so: refused",
        "StoragePool spec.lvm.thinPool.name": "a pool's thin pool cannot change: refused",
        "StoragePool spec.lvm.thinPool.metadata": "read when the thin pool is made",
        "StoragePool spec.lvm.thinPool.chunk": "read when the thin pool is made",
        "StoragePool spec.lvm.thinPool.overprovision": "read by capacity",
        "StoragePool spec.lvm.images": "read when a volume is made",
        "StoragePool spec.leases": "read when a machine starts, and when a host is fenced",
        "StoragePool spec.nfs.server": "what a pool mounts cannot change: refused",
        "StoragePool spec.nfs.export": "what a pool mounts cannot change: refused",
        "StoragePool spec.nfs.path": "what a pool mounts cannot change: refused",
        "StoragePool spec.iscsi.target": "read when a machine is defined",
        "StoragePool spec.iscsi.manage.directory": "a pool's folder cannot change: refused",
        "StoragePool spec.rbd.monitors": "read when a machine is defined",
        "StoragePool spec.rbd.port": "read when a machine is defined",
        "StoragePool spec.rbd.pool": "read when a machine is defined",
        "StoragePool spec.rbd.auth": "read when a machine is defined",
        "StoragePool spec.rbd.auth.user": "read when a machine is defined",
        "StoragePool spec.rbd.auth.secret": "read when a machine is defined",
        "StoragePool spec.overcommit": "read by capacity",
        "StoragePool spec.capacity": "read by capacity",
        "Image metadata.labels": "words for people and their tools",
        "Image spec.file": "the digest counts, not the name",
        "Image spec.url": "the digest counts, not where the bytes come from",
        "Image spec.format": "of an image that nothing is a layer over; any other change is rejected",
        "Network metadata.labels": "words for people and their tools",
        "Network spec.bridge.name": "adopts what is not ours; a link that is there keeps its name: refused",
        "Network spec.vxlan.name": "adopts what is not ours; a link that is there keeps its name: refused",
        "Network spec.subnet": "its parts count where an interface has an address; here none has",
        "Network spec.securityGroups": "one more group, which nobody is in",
        "Network spec.securityGroups[]": "a group that nobody is in",
        "Volume metadata.labels": "words for people and their tools",
        "Volume spec.image": "read when a volume is made; a note afterwards",
        "Volume spec.clone": "read when a volume is made",
        "Volume spec.format": "converting it is not in this version: blocked",
        "Volume spec.file": "adopts what is not ours; a volume that is there keeps its file: blocked",
        "Volume spec.lun": "read when a machine is defined",
        "Volume spec.rbdImage": "read when a machine is defined",
        "Volume spec.reuse": "read when a retained volume comes back",
        "Snapshot metadata.labels": "words for people and their tools",
        "Snapshot spec.volume": "read when it is due",
        "Snapshot spec.pool": "read when it is due",
        "Snapshot spec.keep": "read when it is due",
        "Snapshot spec.schedule.every": "says when it is due",
        "Snapshot spec.schedule.daily": "says when it is due",
        "Snapshot spec.reuse": "read when what was kept comes back",
        "VirtualMachine metadata.labels": "read when a new machine is placed",
        "VirtualMachine metadata.uuid": "adopts what is not ours; another one is refused",
        "VirtualMachine spec.placement.hostSelector": "read when a new machine is placed, or one has to move",
        "VirtualMachine spec.placement.affinity": "read when a new machine is placed, or one has to move",
        "VirtualMachine spec.placement.antiAffinity": "read when a new machine is placed, or one has to move",
        "VirtualMachine spec.disks[].image": "read when a volume is made; a note afterwards",
        "VirtualMachine spec.disks[].format": "converting it is not in this version: blocked",
        "VirtualMachine spec.disks[].reuse": "read when a retained volume comes back",
        "VirtualMachine spec.ready": "read by a start",
        "VirtualMachine spec.unmanagedDevices": "nothing unmanaged is there",
        "VirtualMachine spec.ignoreChanges": "nothing of it differs",
    ]

    /// Fields of which no single change gives a valid fleet, each with the reason. Their parts count.
    static let everyChangeIsRejected: [String: String] = [
        "Fleet spec.evpn": "a network here floods by EVPN, and needs it",
        "StoragePool spec.lvm.wipe": "the pool here is thin; what it does elsewhere is the case lvm-wipes-what-leaves",
        "StoragePool spec.iscsi.manage": "what is made has no number of its own; its parts count",
        "StoragePool spec.iscsi.manage.host": "the other host has the pool",
        "Snapshot spec.machine": "it is of a machine that is there, and no machine is called other",
        "Snapshot spec.schedule": "keep counts nothing without it; its parts count",
    ]

    /// What a change does, the least first.
    private enum Effect: Comparable { case rejected, nothing, step }

    static func fleet() throws -> FleetManifest {
        let path = Lab.repository.appending(path: "Tests/Cases/every-field").path
        let result = ManifestReader.read(try ManifestFolder.read(path))
        let manifest = try #require(result.loaded, "\(result.diagnostics)").manifest
        return filled(manifest)
    }

    /// As if the secrets had been read.
    private static func filled(_ manifest: FleetManifest) -> FleetManifest {
        var manifest = manifest
        for index in manifest.machines.indices {
            manifest.machines[index].spec.cloudInit?.setDigests { $0.file.map { "digest of \($0)" } }
        }
        return manifest
    }

    /// Changes that go with another one, or whose value is not any: the walk finds no valid one for these fields.
    private static func more(_ manifest: FleetManifest) -> [FieldWalk.Variant] {
        func variant(_ machine: String, _ field: String, _ change: (inout VirtualMachine.Spec) -> Void)
            -> FieldWalk.Variant
        {
            var changed = manifest
            for index in changed.machines.indices where changed.machines[index].metadata.name == machine {
                change(&changed.machines[index].spec)
            }
            return FieldWalk.Variant(
                resource: ResourceID(.virtualMachine, machine), field: field, manifest: changed)
        }
        return [
            variant("scout", "spec.host") {
                $0.placement = .init()
                $0.host = "other"
            },
            variant("artist", "spec.boot.kernel") { $0.boot?.kernel = "spare" },
        ]
    }

    @Test func everyFieldCounts() throws {
        let manifest = try Self.fleet()
        var simulator = Simulator.empty(manifest)
        let options = PlanOptions(allowance: .dataLoss, now: Moment("2026-11-30T12:00:00Z"))
        try simulator.apply(
            Planner.plan(manifest, observed: simulator.observation(manifest), options: PlanOptions(now: options.now)))
        let base = Planner.plan(manifest, observed: simulator.observation(manifest), options: options)
        try #require(base.isEmpty && base.deferred.isEmpty, "\(PlanText().render(base))")
        var effects: [String: Effect] = [:]
        for variant in FieldWalk.variants(of: manifest) + Self.more(manifest) {
            let field = "\(variant.resource.kind.rawValue) \(Self.generic(variant.field))"
            var effect = Effect.rejected
            if ManifestReader.read(Self.files(variant.manifest)).loaded != nil {
                let changed = Self.filled(variant.manifest)
                let plan = Planner.plan(changed, observed: simulator.observation(changed), options: options)
                let isFree = plan.problems.isEmpty && plan.blocked.isEmpty
                effect = isFree && !plan.steps.isEmpty ? .step : .nothing
            }
            effects[field] = max(effects[field] ?? effect, effect)
        }
        for (field, effect) in effects.sorted(by: { $0.key < $1.key }) {
            #expect((effect == .nothing) == (Self.readByPlanningOnly[field] != nil), "\(field): \(effect)")
            #expect((effect == .rejected) == (Self.everyChangeIsRejected[field] != nil), "\(field): \(effect)")
        }
        let reviewed = Set(Self.readByPlanningOnly.keys).union(Self.everyChangeIsRejected.keys)
        #expect(reviewed.subtracting(effects.keys).sorted() == [], "reviewed, but no field")
        #expect(effects.values.filter { $0 == .step }.count >= 70)
    }

    private static func files(_ manifest: FleetManifest) -> [SourceFile] {
        [SourceFile(path: "fleet.yaml", bytes: Array(ManifestDocument.write(manifest).utf8))]
    }

    /// `spec.disks[root].size` is one field whatever the disk's name.
    private static func generic(_ field: String) -> String { field.replacing(#/\[[^\]]*\]/#, with: "[]") }
}
