import Model

/// What a fleet promises of each host and pool, counted as a plan's capacity is.
struct Ledger {
    /// What a machine takes.
    struct Need {
        var cpu: UInt64
        var memory: UInt64
        /// Space in pools, by the pool's place among the fleet's.
        var disks: [(pool: Int, bytes: UInt64)]
    }

    /// What a host has to give; a measure that is not known is without limit.
    struct Account {
        var cpu: UInt64 = 0
        var memory: UInt64 = 0
        var allowedCPU = UInt64.max
        var allowedMemory = UInt64.max

        var freeCPU: UInt64 { allowedCPU > cpu ? allowedCPU - cpu : 0 }
        var freeMemory: UInt64 { allowedMemory > memory ? allowedMemory - memory : 0 }
    }

    private(set) var accounts: [Account]
    let pools: [StoragePool]
    private let poolIndices: [String: Int]
    private let volumes: [String: Volume.Spec]
    private var diskPromised: [Int: UInt64] = [:]
    private var diskAllowed: [Int: UInt64] = [:]

    /// What is promised before any machine of the manifests.
    ///
    /// - Parameter keepsLeaving: whether machines that left the manifests stay for now.
    init(
        _ manifest: FleetManifest, _ whereabouts: Whereabouts, _ observed: [String: HostInventory], keepsLeaving: Bool
    ) {
        let pools = manifest.pools
        self.pools = pools
        poolIndices = pools.indices.reduce(into: [:]) { $0[pools[$1].metadata.identity] = $1 }
        volumes = manifest.volumes.reduce(into: [:]) { $0[$1.metadata.identity] = $1.spec }
        accounts = []
        let capacities = pools.map(\.spec.capacity)
        let machines = manifest.machines
        let members = machines.indices.reduce(into: [String: Int](minimumCapacity: machines.count)) {
            $0[machines[$1].metadata.identity] = $1
        }
        var told: Set<String> = []
        for (index, host) in whereabouts.hosts.enumerated() {
            let inventory = observed[host.metadata.identity]
            accounts.append(Self.account(host, inventory?.host.status))
            guard let inventory else { continue }
            for domain in inventory.foreign where domain.kind == .domain {
                accounts[index].cpu += UInt64(domain.cpu ?? 0)
                accounts[index].memory += domain.memory?.bytes ?? 0
            }
            for machine in inventory.machines where keepsLeaving && members[machine.metadata.identity] == nil {
                accounts[index].cpu += UInt64(machine.spec.cpu.count)
                accounts[index].memory += machine.spec.memory.size.bytes
            }
            for pool in inventory.pools {
                guard let place = poolIndices[pool.metadata.identity], capacities[place] == nil,
                    let capacity = pool.status?.capacity
                else { continue }
                diskAllowed[slot(of: place, on: index)] = Capacity.scaled(
                    capacity.bytes, reserve: 0, by: pools[place].spec.promiseRatio)
            }
            for volume in inventory.volumes where !declares(volume.metadata.identity, members, machines) {
                guard volume.status?.staged != true,
                    volume.status?.mark?.deletion != .delete || volume.isDeleted,
                    let place = poolIndices[volume.spec.pool]
                else { continue }
                // Of a shared pool every host tells the same.
                if pools[place].spec.shared, !told.insert(volume.metadata.identity).inserted { continue }
                diskPromised[slot(of: place, on: index), default: 0] += volume.spec.size.bytes
            }
        }
    }

    private static func account(_ host: KVMHost, _ status: KVMHost.Status?) -> Account {
        let spec = host.spec
        var account = Account()
        if let cpu = spec.capacity.cpu ?? status?.cpu {
            account.allowedCPU = Capacity.scaled(
                UInt64(cpu), reserve: UInt64(spec.reserve.cpu ?? 0), by: spec.overcommit.cpu)
        }
        if let memory = spec.capacity.memory ?? status?.memory {
            account.allowedMemory = Capacity.scaled(
                memory.bytes, reserve: spec.reserve.memory?.bytes ?? 0, by: spec.overcommit.memory)
        }
        return account
    }

    /// Whether the manifests declare a volume: by a document, or as a machine's disk.
    private func declares(_ volume: String, _ members: [String: Int], _ machines: [VirtualMachine]) -> Bool {
        guard let dot = volume.firstIndex(of: ".") else { return volumes[volume] != nil }
        let disk = volume[volume.index(after: dot)...]
        return members[String(volume[..<dot])].map { machines[$0] }?.spec.disks.contains {
            $0.name == disk && $0.declared != nil
        } ?? false
    }

    /// Where the space of a pool on a host is counted: of a shared one in one place for all its hosts.
    private func slot(of pool: Int, on host: Int) -> Int {
        pools[pool].spec.shared ? pool : host * pools.count + pool
    }

    /// What a machine takes of another host that it goes to: what it has in shared pools it has already.
    func moving(_ need: Need) -> Need {
        var need = need
        need.disks.removeAll { pools[$0.pool].spec.shared }
        return need
    }

    /// What a machine takes of the host that gets it.
    func need(of machine: VirtualMachine) -> Need {
        var disks: [(pool: Int, bytes: UInt64)] = []
        for disk in machine.spec.disks {
            guard let spec = disk.declared ?? disk.volume.flatMap({ volumes[$0] }), let pool = poolIndices[spec.pool]
            else { continue }
            if let index = disks.firstIndex(where: { $0.pool == pool }) {
                disks[index].bytes += spec.size.bytes
            } else {
                disks.append((pool, spec.size.bytes))
            }
        }
        return Need(
            cpu: UInt64(machine.spec.cpu.count), memory: machine.spec.memory.size.bytes, disks: disks)
    }

    /// Promises a host's parts to a machine.
    mutating func take(_ need: Need, on host: Int) {
        accounts[host].cpu += need.cpu
        accounts[host].memory += need.memory
        for disk in need.disks { diskPromised[slot(of: disk.pool, on: host), default: 0] += disk.bytes }
    }

    /// Promises space to a volume that no machine uses.
    mutating func take(_ volume: Volume, on host: Int) {
        guard let pool = poolIndices[volume.spec.pool] else { return }
        diskPromised[slot(of: pool, on: host), default: 0] += volume.spec.size.bytes
    }

    /// The space of a pool that may still be promised; `max` while that is not known.
    func freeSpace(in pool: Int, on host: Int) -> UInt64 {
        let allowed = allowedSpace(in: pool, on: host)
        guard allowed < .max else { return .max }
        let promised = diskPromised[slot(of: pool, on: host)] ?? 0
        return allowed > promised ? allowed - promised : 0
    }

    /// The space of a pool that may be promised; `max` while that is not known.
    func allowedSpace(in pool: Int, on host: Int) -> UInt64 {
        if let capacity = pools[pool].spec.capacity {
            return Capacity.scaled(capacity.bytes, reserve: 0, by: pools[pool].spec.promiseRatio)
        }
        return diskAllowed[slot(of: pool, on: host)] ?? .max
    }

    /// Whether a host has what a machine takes.
    func fits(_ need: Need, on host: Int) -> Bool {
        accounts[host].freeCPU >= need.cpu && accounts[host].freeMemory >= need.memory
            && need.disks.allSatisfy { freeSpace(in: $0.pool, on: host) >= $0.bytes }
    }
}
