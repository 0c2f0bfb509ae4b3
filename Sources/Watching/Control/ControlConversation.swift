import Foundation
import Model

/// One client of a watcher: one request, its answers. A client that goes away changes nothing.
struct ControlConversation: Sendable {
    private let line: LineSocket
    private let watcher: Watcher
    private let previews: ControlTurn
    private let limits: ControlLimits

    init(_ line: LineSocket, _ watcher: Watcher, _ previews: ControlTurn, _ limits: ControlLimits) {
        self.line = line
        self.watcher = watcher
        self.previews = previews
        self.limits = limits
    }

    /// Answers. Whatever the client does, this ends soon after its time.
    func run() async {
        await withTaskCancellationHandler {
            do {
                try await converse()
            } catch is DecodingError {
                try? await line.write(ControlReply.failed("this is no request that the watcher knows"))
            } catch is LineSocket.TooLong {
                try? await line.write(ControlReply.failed("this is more than the watcher reads"))
            } catch {
                // The client is gone, or was too slow.
            }
        } onCancel: {
            line.end()
        }
    }

    private func converse() async throws {
        do {
            let request = try await line.within(limits.patience) {
                try await line.read(ControlRequest.self, atMost: LineSocket.shortLimit)
            }
            guard let request else { return }
            guard case .preview = request else { return try await answer(request) }
            try await previews.take { try await answer(request) }
        } catch is LineSocket.TooLong {
            try await previews.take {
                let request = try await line.within(limits.longPatience) { try await line.read(ControlRequest.self) }
                if let request { try await answer(request) }
            }
        }
    }

    private func answer(_ request: ControlRequest) async throws {
        switch request {
        case .reconcile(let acknowledged): try await listen { try await reconcile(acknowledged, $0) }
        case .follow(let commit): try await listen { try await follow(commit, $0) }
        case .preview(let commit, let files):
            try await line.write(ControlReply.preview(await watcher.preview(commit, files)))
        case .suspend(let resource, let isSuspended):
            let reason = await watcher.suspend(resource, isSuspended)
            try await line.write(reason.map(ControlReply.failed) ?? .done)
        }
    }

    /// Runs the body with the events from now on. They end when it is over, when the client is gone, or after a time.
    private func listen(_ body: (EventStream) async throws -> Bool) async throws {
        let events = watcher.events.listen()
        let gone = Task {
            await line.waitForEnd()
            events.finish()
        }
        let limit = Task {
            try await Task.sleep(for: limits.listening)
            events.finish()
        }
        let result: Result<Bool, any Error>
        do { result = .success(try await body(events)) } catch { result = .failure(error) }
        limit.cancel()
        if case .success(false) = result {
            try? await line.write(ControlReply.failed("not done yet; the watcher goes on: infra log"))
        }
        line.end()
        await gone.value
        events.finish()
        _ = try result.get()
    }

    /// - Returns: Whether there was an end to tell.
    private func reconcile(_ acknowledged: String?, _ events: EventStream) async throws -> Bool {
        if let standing = await watcher.standingBy {
            try await line.write(ControlReply.event(EventBroadcast.TimedEvent(time: .now, event: standing)))
            try await line.write(ControlReply.done)
            return true
        }
        watcher.reconcile(acknowledging: acknowledged)
        if watcher.newest.revision == nil {
            try await line.write(ControlReply.failed("no commit could be read yet; the watcher looks again now"))
            return true
        }
        for await timed in events {
            try await line.write(ControlReply.event(timed))
            switch timed.event {
            case .converged, .notConverged, .driftReported, .commitHeld, .standingBy, .repositoryFailed, .stopped:
                try await line.write(ControlReply.done)
                return true
            default: continue
            }
        }
        return false
    }

    /// - Returns: Whether there was an end to tell.
    private func follow(_ commit: String, _ events: EventStream) async throws -> Bool {
        watcher.lookAtBranch()
        if let known = await watcher.outcome(of: commit) {
            try await line.write(ControlReply.event(EventBroadcast.TimedEvent(time: .now, event: known)))
            try await line.write(ControlReply.done)
            return true
        }
        for await timed in events {
            let isOurs = timed.event.commit.map { $0 == commit } ?? true
            if isOurs { try await line.write(ControlReply.event(timed)) }
            switch timed.event {
            case .converged where isOurs, .notConverged where isOurs, .commitRefused where isOurs,
                .commitHeld where isOurs, .driftReported where isOurs, .standingBy, .stopped:
                try await line.write(ControlReply.done)
                return true
            case .untold:
                // What was waited for may be among what was lost.
                guard let known = await watcher.outcome(of: commit) else { continue }
                try await line.write(ControlReply.event(EventBroadcast.TimedEvent(time: .now, event: known)))
                try await line.write(ControlReply.done)
                return true
            case .commitAccepted(let other), .commitRefused(let other, _), .commitHeld(let other, _):
                guard other.id != commit else { continue }
                try await line.write(ControlReply.failed("commit \(other.short) was read instead"))
                return true
            default: continue
            }
        }
        return false
    }
}
