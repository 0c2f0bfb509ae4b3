import Model

/// What hosts remember of the use of their pools, which is what a forecast is made from.
extension Roster.Entry {
    /// How many days of use are remembered.
    private static let days = 8

    /// Keeps what was noted of the same pools before, of each day the first look.
    func following(_ before: Roster.Entry?) -> Roster.Entry {
        var entry = self
        for (pool, uses) in use ?? [:] {
            guard let now = uses.last else { continue }
            let earlier = (before?.use?[pool] ?? []).filter { $0.at < now.at }
            let isNoted = earlier.last.map { $0.at.midnight == now.at.midnight } ?? false
            entry.use?[pool] = (earlier + (isNoted ? [] : uses)).suffix(Self.days)
        }
        return entry
    }
}

extension HostInventory {
    /// How much of its pools is in use, by pool; nil where none says so.
    func use(at now: Moment) -> [String: [PoolUse]]? {
        let uses = pools.reduce(into: [String: [PoolUse]]()) { uses, pool in
            if let used = pool.status?.used { uses[pool.metadata.identity] = [PoolUse(at: now, used: used)] }
        }
        return uses.isEmpty ? nil : uses
    }
}
