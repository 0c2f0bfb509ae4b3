public import Model

/// A disk of a snapshot: what keeps it, and what it is of.
public struct SnapshotDisk: Hashable, Sendable, Codable {
    /// The volume that is to hold it.
    public var volume: Volume
    /// The volume that it is of, as it is when the snapshot is taken.
    public var source: Volume
    /// The machine's disk that this volume is; the volume's own name where no machine has it.
    public var disk: String

    /// A disk of a snapshot.
    public init(volume: Volume, source: Volume, disk: String) {
        self.volume = volume
        self.source = source
        self.disk = disk
    }
}
