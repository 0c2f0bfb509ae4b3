import Model
import Planning
import Testing

/// Copies of volumes that moves between pools have left.
@Suite struct PoolCopyTests {
    /// The machine followed, a crash left the marks, and then all of it left the fleet: the copy in use is marked as the one that
    /// counts, and goes after that.
    @Test(arguments: [true, false]) func whatCountsIsMarkedBeforeItGoes(isHidden: Bool) throws {
        let host = KVMHost(
            metadata: Metadata(name: "a"), spec: .init(underlay: .init(address: IPAddress(ipv4: 192, 0, 2, 1))))
        var manifest = FleetManifest(
            fleet: RandomFleet.fleet, hosts: [host],
            pools: ["p0", "p1"].map {
                StoragePool(metadata: Metadata(name: $0), spec: .init(path: "/var/lib/infra/\($0)"))
            },
            volumes: [
                Volume(
                    metadata: Metadata(name: "data"), spec: .init(pool: "p0", size: .gibibytes(1), deletion: .delete))
            ])
        let options = PlanOptions(allowance: .dataLoss)
        var simulator = Simulator.empty(manifest)
        try simulator.apply(Planner.plan(manifest, observed: simulator.observation(manifest), options: options))
        simulator.hosts["a"]?.volumes[0].status?.mark?.copy = .movedToPool("p1")
        var spec = VirtualMachine.Spec(cpu: .init(count: 1), memory: .init(size: .mebibytes(128)))
        spec.disks = [.init(name: "data", volume: "data")]
        let path = simulator.hosts["a"]?.volumes[0].status?.path
        spec.disks[0].path = path
        let identity = Identity(fleet: manifest.fleet.uuid)
        simulator.hosts["a"]?.machines = [
            VirtualMachine(
                metadata: Metadata(name: "web"), spec: spec,
                status: .init(host: "a", uuid: identity.uuid(ResourceID(.virtualMachine, "web")), state: .running))
        ]
        manifest.volumes = []
        var seen = simulator.observation(manifest)
        if isHidden {
            seen["a"]?.unknown = [
                UnknownArea(.storage, resource: ResourceID(.storagePool, "p1"), reason: "it is not started")
            ]
        }
        let plan = Planner.plan(manifest, observed: seen, options: options)
        let removal = try #require(plan.steps.first { $0.id == "a/Volume/data/remove" }, "\(PlanText().render(plan))")
        #expect(removal.after.contains("a/Volume/data/mark"))
        try simulator.apply(plan)
        #expect(simulator.hosts["a"]?.volumes.isEmpty == true)
    }
}
