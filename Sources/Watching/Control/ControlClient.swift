import FlyingSocks
import Foundation

/// Asks a running watcher.
public struct ControlClient: Sendable {
    /// Where a watcher answers unless told otherwise.
    public static let defaultPath = "/run/infra/watch.sock"

    private let path: String

    /// A client of the watcher at a path.
    public init(path: String) { self.path = path }

    /// Asks, and hands over each event until the last answer.
    /// - Throws: `ControlError.unusable` when nobody answers, or it ends without an answer.
    public func ask(
        _ request: ControlRequest, event: (EventBroadcast.TimedEvent) async -> Void = { _ in }
    ) async throws(ControlError) -> ControlReply {
        do {
            let line = try await LineSocket.connect(path)
            do {
                // One that is sent away is told so, and cannot finish its request.
                do { try await line.write(request) } catch is SocketError {}
                while let reply = try await line.read(ControlReply.self) {
                    guard case .event(let timed) = reply else {
                        await line.close()
                        return reply
                    }
                    await event(timed)
                }
                await line.close()
            } catch {
                await line.close()
                throw error
            }
        } catch {
            throw .unusable(path, reason: "no watcher answers: \(Self.words(error))")
        }
        throw .unusable(path, reason: "the watcher ended the conversation")
    }

    private static func words(_ error: any Error) -> String {
        switch error {
        case SocketError.failed(_, let number, _): String(cString: strerror(number))
        case SocketError.timeout, SocketError.blocked: "it did not take the connection in time"
        case SocketError.disconnected: "it ended the connection"
        case SocketError.unsupportedAddress: "that is no path of a socket"
        default: error.localizedDescription
        }
    }
}
