/// How much of a pool was in use at a moment.
public struct PoolUse: Hashable, Sendable, Codable {
    /// When it was looked at.
    public var at: Moment
    /// What was in use, by whomever.
    public var used: ByteCount

    /// A look at a pool.
    public init(at: Moment, used: ByteCount) {
        self.at = at
        self.used = used
    }
}

extension StoragePool.Status {
    /// What of it is in use, by whomever; nil while not known.
    public var used: ByteCount? {
        guard let capacity, let available, available <= capacity else { return nil }
        return ByteCount(capacity.bytes - available.bytes)
    }
}
