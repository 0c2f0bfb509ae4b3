import Logging
import Synchronization

/// Tells the log of messages that nobody signed who knows the secret: somebody tries, or the secret was changed at one
/// end only. Once a minute at most, since whoever sends them decides how many there are.
final class WebhookRefusals: Sendable {
    private let log = Logger(label: "infra.http")
    private let state = Mutex((told: ContinuousClock.Instant?.none, untold: 0))

    /// One more.
    func tell() {
        let now = ContinuousClock.now
        let count: Int? = state.withLock { state in
            state.untold += 1
            if let told = state.told, now - told < .seconds(60) { return nil }
            defer { state = (now, 0) }
            return state.untold
        }
        guard let count else { return }
        let more = count > 1 ? " (and \(count - 1) since the last line)" : ""
        log.warning("a webhook is refused: it is not signed by who knows the secret\(more)")
    }
}
