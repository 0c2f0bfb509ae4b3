public import Model

/// What a host or a pool has and what is promised of it.
public struct Capacity: Hashable, Sendable, Codable {
    /// What is counted.
    public enum Measure: String, Codable, Sendable {
        /// Processors (threads).
        case cpu
        /// Memory in bytes.
        case memory
        /// Disk space in bytes.
        case disk

        /// An amount for a reader.
        func text(_ amount: UInt64) -> String { self == .cpu ? "\(amount) CPU" : ByteCount(amount).rounded }
    }

    /// The host, by identity.
    public var host: String
    /// `Host/x` or `StoragePool/x`.
    public var resource: ResourceID
    /// What is counted.
    public var measure: Measure
    /// Promised to the fleet's machines or volumes, and to what runs there that is not ours.
    public var promised: UInt64
    /// Promised before, by what is there now.
    public var promisedNow: UInt64
    /// What is there, or what the manifest says to count with; nil while not known.
    public var physical: UInt64?
    /// How much may be promised: physical less reserve, times overcommit; nil while not known.
    public var allowed: UInt64?
    /// How much more may be promised than there is.
    public var overcommit: Double
    /// Whether it is one for all hosts of its pool, and counted once.
    public var shared: Bool?

    /// How much is promised beyond what is allowed; 0 when it fits.
    public var missing: UInt64 { allowed.map { promised > $0 ? promised - $0 : 0 } ?? 0 }

    /// Whether a plan has to be refused: too much is promised, and more than before. What is promised too often already
    /// is for a note, since another plan would mend nothing.
    public var isExceeded: Bool { missing > 0 && promised > promisedNow }

    /// An amount for a reader.
    public func text(_ amount: UInt64) -> String { measure.text(amount) }

    static func scaled(_ physical: UInt64, reserve: UInt64, by overcommit: Double) -> UInt64 {
        let base = physical > reserve ? physical - reserve : 0
        return UInt64(min((Double(base) * overcommit).rounded(.down), Double(Int64.max)))
    }
}

extension Capacity {
    /// The capacity of a host and its pools once the expectation holds.
    ///
    /// - Parameters:
    ///   - observed: what is there, with what is adopted among ours: a disk that is adopted takes its space already.
    ///   - before: what was observed. A machine that is off and not ours is promised nothing until it is adopted.
    static func of(expected: HostInventory, observed: HostInventory, before: HostInventory) -> [Capacity] {
        let host = expected.host.metadata.identity
        let spec = expected.host.spec
        func sum(
            _ machines: [VirtualMachine], _ value: (VirtualMachine) -> UInt64,
            _ inventory: HostInventory, _ foreign: (ForeignObject) -> UInt64
        ) -> UInt64 {
            inventory.foreign.reduce(machines.reduce(0) { $0 + value($1) }) {
                $1.kind == .domain ? $0 + foreign($1) : $0
            }
        }
        let cpu = (spec.capacity.cpu ?? observed.host.status?.cpu).map(UInt64.init)
        let memory = (spec.capacity.memory ?? observed.host.status?.memory)?.bytes
        let cpuOf = { (machine: VirtualMachine) in UInt64(machine.spec.cpu.count) }
        let memoryOf = { (machine: VirtualMachine) in machine.spec.memory.size.bytes }
        let foreignCPU = { (domain: ForeignObject) in UInt64(domain.cpu ?? 0) }
        let foreignMemory = { (domain: ForeignObject) in domain.memory?.bytes ?? 0 }
        var result = [
            Capacity(
                host: host, resource: ResourceID(.host, host), measure: .cpu,
                promised: sum(expected.machines, cpuOf, observed, foreignCPU),
                promisedNow: sum(before.machines, cpuOf, before, foreignCPU), physical: cpu,
                allowed: cpu.map {
                    scaled($0, reserve: UInt64(spec.reserve.cpu ?? 0), by: spec.overcommit.cpu)
                }, overcommit: spec.overcommit.cpu),
            Capacity(
                host: host, resource: ResourceID(.host, host), measure: .memory,
                promised: sum(expected.machines, memoryOf, observed, foreignMemory),
                promisedNow: sum(before.machines, memoryOf, before, foreignMemory), physical: memory,
                allowed: memory.map {
                    scaled($0, reserve: spec.reserve.memory?.bytes ?? 0, by: spec.overcommit.memory)
                }, overcommit: spec.overcommit.memory),
        ]
        let promised = diskPromises(expected.volumes)
        let promisedNow = diskPromises(observed.volumes)
        // What a fleet's own target has is counted where its files lie.
        for pool in expected.pools where pool.spec.iscsi?.manage == nil {
            let id = pool.metadata.identity
            let seen = observed.pools.first { $0.metadata.identity == id }
            let physical = (pool.spec.capacity ?? pool.spec.declaredCapacity(seen))?.bytes
            result.append(
                Capacity(
                    host: host, resource: ResourceID(.storagePool, id), measure: .disk,
                    promised: promised[id] ?? 0, promisedNow: promisedNow[id] ?? 0, physical: physical,
                    allowed: physical.map { scaled($0, reserve: 0, by: pool.spec.promiseRatio) },
                    overcommit: pool.spec.promiseRatio))
        }
        return result
    }

    private static func diskPromises(_ volumes: [Volume]) -> [String: UInt64] {
        volumes.reduce(into: [:]) {
            if $1.status?.staged != true { $0[$1.spec.pool, default: 0] += $1.spec.size.bytes }
        }
    }
}

extension StoragePool.Spec {
    /// What a pool has once it is as declared: a thin pool of a stated size is made or grown to it. How large the devices are that
    /// a group is extended by is not known.
    fileprivate func declaredCapacity(_ seen: StoragePool?) -> ByteCount? {
        guard case .bytes(let size) = lvm?.thinPool?.size else {
            let has = seen?.spec.lvm?.devices ?? []
            let isExtended = seen != nil && lvm?.thinPool == nil && lvm?.devices.contains { !has.contains($0) } == true
            return isExtended ? nil : seen?.status?.capacity
        }
        guard let now = seen?.status?.group?.thinPool?.size, let capacity = seen?.status?.capacity else { return size }
        return size > now ? capacity + ByteCount(size.bytes - now.bytes) : capacity
    }
}
