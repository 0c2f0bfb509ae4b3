import Model

/// When what failed is tried again: each resource by itself, ever more seldom, never all at the same moment.
struct Backoff: Sendable {
    private struct Entry {
        var failures: Int
        /// When it is tried again; nil from then on until it fails again.
        var until: ContinuousClock.Instant?
        var reason: String
    }

    private static let first = Duration.seconds(5)
    private static let longest = Duration.seconds(600)

    private var entries: [ResourceID: Entry] = [:]

    /// Notes a failure.
    /// - Parameter jitter: From -1 to 1; moves the time by up to a fifth.
    mutating func failed(_ resource: ResourceID, _ reason: String, now: ContinuousClock.Instant, jitter: Double) {
        let failures = min((entries[resource]?.failures ?? 0) + 1, 16)
        entries[resource] = Entry(failures: failures, until: now + Self.pause(after: failures, jitter), reason: reason)
    }

    /// Notes a success.
    mutating func succeeded(_ resource: ResourceID) { entries[resource] = nil }

    /// Forgets everything: a new commit, or somebody's word, tries all of it again at once.
    mutating func reset() { entries = [:] }

    /// What is not tried now, with the reason.
    func waiting(now: ContinuousClock.Instant) -> [ResourceID: String] {
        entries.filter { $0.value.until.map { $0 > now } ?? false }.mapValues {
            "failed \($0.failures == 1 ? "once" : "\($0.failures) times"), is tried again later: \($0.reason)"
        }
    }

    /// When the next one is tried again; nil when nothing waits.
    var next: ContinuousClock.Instant? { entries.values.compactMap(\.until).min() }

    /// What is tried again now. It waits no longer, whatever becomes of it.
    mutating func takeDue(now: ContinuousClock.Instant) -> Set<ResourceID> {
        let due = entries.filter { $0.value.until.map { $0 <= now } ?? false }.map(\.key)
        for resource in due { entries[resource]?.until = nil }
        return Set(due)
    }

    /// How long after that many failures in a row.
    static func pause(after failures: Int, _ jitter: Double) -> Duration {
        let plain = min(first * (1 << min(failures - 1, 10)), longest)
        return plain + plain * 0.2 * max(-1, min(1, jitter))
    }
}
