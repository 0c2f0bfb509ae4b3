public import Foundation

/// Something happened on a host. An event is a hint to read again, never the truth itself: libvirt is silent about much,
/// and events may be lost.
public enum HostEvent: Hashable, Sendable {
    /// What happened to a machine.
    public enum MachineChange: Hashable, Sendable {
        /// It was defined, perhaps with nothing changed.
        case defined
        /// Its definition went.
        case undefined
        /// It runs.
        case started
        /// It was paused.
        case suspended
        /// It runs again after a pause.
        case resumed
        /// It is off.
        case stopped
        /// It is about to go off.
        case shuttingDown
        /// Its guest sleeps, crashed, or did something that this version has no word for.
        case other(Int)
        /// Its guest rebooted.
        case rebooted
        /// A device came, by alias.
        case deviceAdded(String)
        /// A device went, by alias.
        case deviceRemoved(String)
        /// Its title, description or a metadata element changed.
        case metadataChanged
    }

    /// What happened to a storage pool.
    public enum PoolChange: Hashable, Sendable {
        /// Its definition came or changed.
        case defined
        /// Its definition went.
        case undefined
        /// It is active.
        case started
        /// It is not active any more.
        case stopped
        /// Something else.
        case other(Int)
    }

    /// A machine, ours or not.
    case machine(UUID, name: String, MachineChange)
    /// A storage pool, ours or not.
    case pool(UUID, name: String, PoolChange)
    /// A link came or changed, or went.
    case link(name: String, isThere: Bool)
    /// More happened than could be told: read everything again.
    case overflowed
    /// Nothing will be told any more. The last event of a stream that was not ended by its reader.
    case lost(reason: String)
}
