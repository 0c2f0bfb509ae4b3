public import Foundation
import Model

/// Tells an address of the operator's what became of commits: a small JSON object for each outcome.
public final class Notifications: WatchEventSink {
    /// What is sent. Texts come from manifests and hosts; whoever shows them escapes them.
    struct Message: Encodable, Hashable, Sendable {
        var event: String
        var fleet: String
        var commit: String
        var subject: String?
        var author: String?
        var reasons: [String]
        var deferred: [String]
        var time: String
    }

    private let fleet: String
    private let address: WebAddress
    private let queue: TellingQueue
    private let told = Told()

    /// - Parameters:
    ///   - fleet: the fleet's name, as it is to be called in messages.
    ///   - address: `https://…`, or http on this machine.
    ///   - deadline: how long one try may take.
    ///   - pauses: how long to wait before each further try.
    public init(
        fleet: String, address: WebAddress, deadline: Duration = .seconds(10),
        pauses: [Duration] = [.seconds(2), .seconds(10), .seconds(30)]
    ) {
        self.fleet = fleet
        self.address = address
        queue = TellingQueue("the webhook", sender: WebSender(deadline: deadline), pauses: pauses)
    }

    /// Waits for what is on its way, at the end of the watcher.
    public func finish(within limit: Duration) async { await queue.finish(within: limit) }

    /// Puts a message into the queue when the event is an outcome.
    public func take(_ event: WatchEvent, at time: Date) async {
        switch event {
        case .commitArrived(let commit), .commitAccepted(let commit): told.remember(commit)
        case .commitRefused(let commit, let reasons):
            told.remember(commit)
            tell("refused", commit.id, reasons: reasons.map(\.description), at: time)
        case .commitHeld(let commit, let reason):
            told.remember(commit)
            tell("held", commit.id, reasons: [reason], at: time)
        case .converged(let commit, let deferred, _):
            tell("converged", commit, deferred: deferred.map(\.description), at: time)
        case .notConverged(let commit, let reasons, _): tell("not-converged", commit, reasons: reasons, at: time)
        default: break
        }
    }

    /// The same of the same commit is told once: a fleet that stays as it is is no news.
    private func tell(_ event: String, _ id: String, reasons: [String] = [], deferred: [String] = [], at time: Date) {
        let reasons = reasons.prefix(20).map { String($0.prefix(500)) }
        guard told.isNews(id, "\(event) \(reasons) \(deferred)") else { return }
        let commit = told.commit(id)
        let message = Message(
            event: event, fleet: fleet, commit: id, subject: commit.map { String($0.subject.prefix(200)) },
            author: commit.map { String($0.author.prefix(200)) }, reasons: reasons,
            deferred: Array(deferred.prefix(100)),
            time: time.formatted(.iso8601))
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let body = try? encoder.encode(message) else { return }
        queue.add(WebSender.Message(address: address, fields: [], body: body))
    }
}
