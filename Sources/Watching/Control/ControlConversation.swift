import Foundation
import Model

/// One client of a watcher: one request, its answers. A client that goes away changes nothing.
struct ControlConversation: Sendable {
    private let line: LineSocket
    private let watcher: Watcher

    init(_ line: LineSocket, _ watcher: Watcher) {
        self.line = line
        self.watcher = watcher
    }

    /// How long a client may listen. Who wants to know more asks `infra log`.
    private static let patience = Duration.seconds(900)

    func run() async {
        let line = line
        let limit = Task {
            guard (try? await Task.sleep(for: Self.patience)) != nil else { return }
            try? await line.write(ControlReply.failed("not done after 15 minutes; the watcher goes on: infra log"))
            line.close()
        }
        defer {
            limit.cancel()
            line.close()
        }
        do {
            guard let request = try await line.read(ControlRequest.self) else { return }
            switch request {
            case .reconcile(let acknowledged): try await reconcile(acknowledged)
            case .follow(let commit): try await follow(commit)
            case .preview(let commit, let files): try await preview(commit, files)
            case .suspend(let resource, let isSuspended):
                if let reason = await watcher.suspend(resource, isSuspended) {
                    try await line.write(ControlReply.failed(reason))
                } else {
                    try await line.write(ControlReply.done)
                }
            }
        } catch is DecodingError {
            try? await line.write(ControlReply.failed("this is no request that the watcher knows"))
        } catch {
            // The client is gone.
        }
    }

    private func reconcile(_ acknowledged: String?) async throws {
        let events = watcher.events.listen()
        if let standing = await watcher.standingBy {
            try await line.write(ControlReply.event(EventBroadcast.TimedEvent(time: .now, event: standing)))
            try await line.write(ControlReply.done)
            return
        }
        watcher.reconcile(acknowledging: acknowledged)
        if watcher.newest.revision == nil {
            try await line.write(ControlReply.failed("no commit could be read yet; the watcher looks again now"))
            return
        }
        for await timed in events {
            try await line.write(ControlReply.event(timed))
            switch timed.event {
            case .converged, .notConverged, .driftReported, .commitHeld, .standingBy, .repositoryFailed, .stopped:
                try await line.write(ControlReply.done)
                return
            default: continue
            }
        }
    }

    private func follow(_ commit: String) async throws {
        let events = watcher.events.listen()
        watcher.lookAtBranch()
        if let known = await watcher.outcome(of: commit) {
            try await line.write(ControlReply.event(EventBroadcast.TimedEvent(time: .now, event: known)))
            try await line.write(ControlReply.done)
            return
        }
        for await timed in events {
            let isOurs = timed.event.commit.map { $0 == commit } ?? true
            if isOurs { try await line.write(ControlReply.event(timed)) }
            switch timed.event {
            case .converged where isOurs, .notConverged where isOurs, .commitRefused where isOurs,
                .commitHeld where isOurs, .driftReported where isOurs, .standingBy, .stopped:
                try await line.write(ControlReply.done)
                return
            case .commitAccepted(let other), .commitRefused(let other, _), .commitHeld(let other, _):
                guard other.id != commit else { continue }
                try await line.write(ControlReply.failed("commit \(other.short) was read instead"))
                return
            default: continue
            }
        }
    }

    private func preview(_ commit: CommitSummary, _ files: [ControlRequest.Manifest]) async throws {
        try await line.write(ControlReply.preview(await watcher.preview(commit, files)))
    }
}
