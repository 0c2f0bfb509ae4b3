import Synchronization

/// The newest commit that was read, between the task that reads commits and the one that applies them.
final class Newest: Sendable {
    private let value = Mutex<(revision: Revision?, isNews: Bool)>((nil, false))

    /// The commit; nil before the first.
    var revision: Revision? { value.withLock { $0.revision } }

    /// Puts a newer commit in its place, perhaps one that was there before.
    func put(_ revision: Revision) { value.withLock { $0 = (revision, true) } }

    /// Whether one arrived since this was last asked.
    func takeNews() -> Bool {
        value.withLock { value in
            defer { value.isNews = false }
            return value.isNews
        }
    }
}
