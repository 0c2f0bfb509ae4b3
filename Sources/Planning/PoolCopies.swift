import Model

/// Copies of volumes beside those that count, on one host: what moves to another pool leaves them, or a move that was cut off.
///
/// Which of them counts is read off the hosts: the one that the machine's domain has as its disk, since it is what the guest
/// writes to; without one, the one whose mark says so; with none of these, the one that another was left for.
struct PoolCopies {
    /// Copies that do not count, by volume.
    private(set) var others: [String: [Volume]] = [:]
    /// What the marks of those that count still say, by volume.
    private(set) var unmarked: [String: Volume.Copy] = [:]
    /// Volumes of which nothing that counts was seen, with the reason.
    private(set) var lost: [ResourceID: String] = [:]

    /// None.
    init() {}

    /// Whether there is a copy of a volume beside another one on the same host.
    static func isAny(in inventory: HostInventory) -> Bool {
        inventory.volumes.contains { $0.status?.mark?.copy?.isOfPool == true }
    }

    /// Takes the copies that do not count out of an inventory; what counts is left as if its mark said so.
    init(takenFrom inventory: inout HostInventory) {
        let copies = Dictionary(
            grouping: inventory.volumes.filter { $0.status?.staged != true }, by: \.metadata.identity)
        for (id, volumes) in copies where volumes.contains(where: { $0.status?.mark?.copy?.isOfPool == true }) {
            let chosen = Self.counting(volumes, inventory)
            inventory.volumes.removeAll { $0.metadata.identity == id && $0.status?.staged != true }
            guard var counting = chosen ?? volumes.first else { continue }
            if chosen == nil {
                let places = volumes.compactMap(\.status?.path).joined(separator: ", ")
                lost[ResourceID(.volume, id)] =
                    "of it only a copy that does not count was seen (\(places)): the pool that has the other one is not there"
            } else {
                others[id] = volumes.filter { $0.status?.path != counting.status?.path }
            }
            if let copy = counting.status?.mark?.copy, copy.isOfPool {
                unmarked[id] = copy
                counting.status?.mark?.copy = nil
            }
            inventory.volumes.append(counting)
        }
    }

    private static func counting(_ copies: [Volume], _ inventory: HostInventory) -> Volume? {
        func used(_ paths: (VirtualMachine) -> [String]) -> Volume? {
            copies.first { copy in inventory.machines.contains { paths($0).contains(copy.status?.path ?? "") } }
        }
        // What runs goes before what will.
        return used { $0.status?.live?.disks.compactMap(\.path) ?? [] } ?? used { $0.spec.disks.compactMap(\.path) }
            ?? copies.first { $0.status?.mark?.copy == nil } ?? arrived(copies)
    }

    /// One is left for another only when that one is whole.
    private static func arrived(_ copies: [Volume]) -> Volume? {
        let pools = copies.compactMap { copy in
            if case .movedToPool(let pool)? = copy.status?.mark?.copy { pool } else { nil }
        }
        let filled = copies.filter { copy in
            if case .incomingFrom? = copy.status?.mark?.copy { pools.contains(copy.spec.pool) } else { false }
        }
        return filled.count == 1 ? filled[0] : nil
    }
}
