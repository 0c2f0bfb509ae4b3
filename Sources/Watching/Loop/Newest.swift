import Synchronization

/// The newest commit that was read, between the task that reads commits and the one that applies them.
final class Newest: Sendable {
    private let value = Mutex<Revision?>(nil)

    /// The commit; nil before the first.
    var revision: Revision? { value.withLock { $0 } }

    /// Puts a newer commit in its place.
    func put(_ revision: Revision) { value.withLock { $0 = revision } }
}
