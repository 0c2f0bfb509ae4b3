import Drivers
import Hosts
import Model

/// Reads what is on hosts. Reading changes nothing.
struct Observer: Sendable {
    let identity: Identity
    /// How long one call may take.
    let deadline: Duration

    /// What is on a host. Never throws: what cannot be read is unknown.
    func observe(_ session: HostSession, pools: [StoragePool]) async -> HostInventory {
        async let facts = status(session)
        async let machines = session.compute.observe(deadline: deadline)
        async let files = session.storage.observe(wanted: pools)
        async let links = session.network.observe()
        let (compute, storage, network) = await (machines, files, links)
        var inventory = HostInventory(
            host: session.host, pools: storage.pools, images: storage.images, networks: network.networks,
            volumes: storage.volumes, machines: compute.machines, seeds: storage.seeds,
            stagedLinks: network.staged,
            // Unknown is not loose.
            looseTaps: network.unknown.isEmpty ? compute.taps.filter { network.masters[$0.device] != $0.bridge } : [],
            foreign: compute.foreign + storage.foreign + network.foreign,
            unknown: compute.unknown + storage.unknown + network.unknown)
        do {
            inventory.host.status = try await facts
            if let reason = try await Roster.contradiction(of: inventory.host, session, identity: identity, deadline) {
                inventory.unknown.append(UnknownArea(.host, reason: reason))
            }
        } catch {
            inventory.unknown.append(UnknownArea(.host, reason: "\(error)"))
        }
        resolve(&inventory)
        return inventory
    }

    /// What is known of a host that cannot be reached: nothing.
    static func unreachable(_ host: KVMHost, _ error: HostError) -> HostInventory {
        HostInventory(host: host, unknown: [UnknownArea(.host, reason: "\(error)")])
    }

    private func status(_ session: HostSession) async throws(HostError) -> KVMHost.Status {
        try await HostFacts.observe(
            commands: session.commands, connection: session.connection, choice: session.host.spec.accelerator,
            deadline: deadline)
    }

    /// Joins what different drivers saw: which network a bridge is, and an order that does not depend on the host.
    private func resolve(_ inventory: inout HostInventory) {
        let networks = inventory.networks.reduce(into: [String: String]()) {
            $0[identity.bridgeName($1.metadata.identity)] = $1.metadata.identity
        }
        func name(_ spec: inout VirtualMachine.Spec) {
            for index in spec.interfaces.indices {
                spec.interfaces[index].network = spec.interfaces[index].bridge.flatMap { networks[$0] }
            }
        }
        for index in inventory.machines.indices {
            name(&inventory.machines[index].spec)
            if var live = inventory.machines[index].status?.live {
                name(&live)
                inventory.machines[index].status?.live = live
            }
        }
        inventory.pools.sort { $0.metadata.identity < $1.metadata.identity }
        inventory.images.sort { ($0.status?.path ?? "") < ($1.status?.path ?? "") }
        inventory.networks.sort { $0.metadata.identity < $1.metadata.identity }
        inventory.volumes.sort { ($0.status?.path ?? "") < ($1.status?.path ?? "") }
        inventory.machines.sort { $0.metadata.identity < $1.metadata.identity }
        inventory.foreign.sort { ($0.kind.rawValue, $0.name) < ($1.kind.rawValue, $1.name) }
    }
}
