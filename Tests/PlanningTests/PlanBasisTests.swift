import Foundation
import Manifests
import Model
import Planning
import TestSupport
import Testing

@Suite struct PlanBasisTests {
    @Test func anotherHostUnderTheNameIsAChangeAndFreeSpaceIsNone() throws {
        let manifest = GeneratedFleet.random(seed: 3, machines: 4)
        var observed: [String: HostInventory] = [:]
        for host in manifest.hosts { observed[host.metadata.identity] = inventory(of: host, manifest) }
        let plan = Planner.plan(manifest, observed: observed)
        let basis = PlanBasis(plan, manifest, observed: observed)
        #expect(!plan.steps.isEmpty && basis.changes(to: basis) == [])
        let host = try #require(plan.steps.first?.host)

        var changed = observed
        for index in changed[host, default: inventory(of: manifest.hosts[0], manifest)].pools.indices {
            changed[host]?.pools[index].status?.available = ByteCount(1)
        }
        #expect(basis.changes(to: PlanBasis(plan, manifest, observed: changed)) == [])

        changed[host]?.host.status?.uuid = UUID()
        let changes = basis.changes(to: PlanBasis(plan, manifest, observed: changed))
        #expect(changes.count == 1 && changes[0].hasPrefix("host \(host) is "))
        changed[host] = nil
        #expect(basis.changes(to: PlanBasis(plan, manifest, observed: changed)).contains("host \(host) is unknown"))
        // It is kept in a file.
        let copy = try JSONDecoder().decode(PlanBasis.self, from: JSONEncoder().encode(basis))
        #expect(copy == basis)
    }

    /// What is adopted is nobody's until then: a plan holds only while it is as it was seen.
    @Test func whatIsAdoptedHasToBeAsItWas() throws {
        let folder = PlanCases.folder.appending(path: "adopt")
        let read = ManifestReader.read(try ManifestFolder.read(folder.appending(path: "manifests").path))
        let manifest = try #require(read.loaded).manifest
        let bytes = try Data(contentsOf: folder.appending(path: "observed.yaml"))
        let recorded = try InventoryDocument.read(SourceFile(path: "observed.yaml", bytes: Array(bytes)))
        let observed = recorded.hosts.reduce(into: [:]) { $0[$1.host.metadata.identity] = $1 }
        let plan = Planner.plan(manifest, observed: observed)
        let basis = PlanBasis(plan, manifest, observed: observed)
        func changes(_ edit: (inout Adoptable) -> Void) -> [String] {
            let changed = observed.mapValues { inventory in
                var inventory = inventory
                edit(&inventory.adoptable)
                return inventory
            }
            return basis.changes(to: PlanBasis(plan, manifest, observed: changed))
        }
        #expect(changes { _ in } == [])
        // Counters are none of its business, nor is what nobody adopts.
        #expect(changes { $0.pools[0].status?.available = ByteCount(1) } == [])
        #expect(changes { $0.volumes.append($0.volumes[0].at("/elsewhere")) } == [])
        #expect(changes { $0.pools[0].spec.backend = .directory(path: "/elsewhere") }.count == 1)
        #expect(changes { $0.volumes[0].spec.size = ByteCount(1) }.count == 1)
        #expect(changes { $0.machines[0].spec.cpu.count += 1 }.count == 1)
        #expect(changes { $0.machines = [] }.allSatisfy { $0.contains("not ours is gone") })
        #expect(!changes { $0.machines = [] }.isEmpty)
        #expect(!changes { $0.networks = [] }.isEmpty)
    }

    private func inventory(of host: KVMHost, _ manifest: FleetManifest) -> HostInventory {
        var host = host
        host.status = KVMHost.Status(
            uuid: UUID(), hostname: "h", cpu: 64, memory: .gibibytes(256), accelerator: .tcg, acceleratorReason: "",
            libvirtVersion: "9.0.0")
        let pools = manifest.pools.map { pool in
            var pool = pool
            pool.status = StoragePool.Status(
                host: host.metadata.identity, uuid: UUID(), name: "p", active: false, capacity: .gibibytes(1000),
                available: .gibibytes(900))
            return pool
        }
        return HostInventory(host: host, pools: pools)
    }
}

extension Volume {
    fileprivate func at(_ path: String) -> Volume {
        var volume = self
        volume.status?.path = path
        return volume
    }
}
