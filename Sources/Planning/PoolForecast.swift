public import Model

/// When a pool is full if it fills as it did since an earlier apply: a straight line through two looks at it, and no more.
public struct PoolForecast: Hashable, Sendable, Codable {
    /// The earlier look.
    public var since: Moment
    /// What of it came into use a day since, in bytes.
    public var bytesPerDay: UInt64
    /// When nothing of it is free.
    public var fullAt: Moment
    /// The days until then.
    public var days: Int

    /// Two looks that are nearer to each other, in seconds, say nothing.
    private static let leastSpan: Int64 = 3600
    /// What takes longer, in days, is no forecast.
    private static let mostDays = 3650.0
    private static let day = 86_400.0

    /// The line from the oldest look to the one at `now`; nil where they are too near to each other, where no more of the pool
    /// is in use than then, or where it lasts for ten years.
    init?(_ pool: StoragePool.Status, at now: Moment, earlier: [PoolUse]) {
        guard let used = pool.used, let available = pool.available, let first = earlier.first,
            now.seconds - first.at.seconds >= Self.leastSpan, used > first.used
        else { return nil }
        let span = Double(now.seconds - first.at.seconds) / Self.day
        let rate = Double(used.bytes - first.used.bytes) / span
        let days = Double(available.bytes) / rate
        guard days <= Self.mostDays else { return nil }
        since = first.at
        bytesPerDay = UInt64(rate.rounded())
        fullAt = now.adding(Int64((days * Self.day).rounded()))
        self.days = Int(days.rounded(.down))
    }
}
