import Synchronization

/// What happens on a host, from libvirt and from the kernel.
public enum HostEvents {
    /// How many events wait for a slow reader before they are replaced by `.overflowed`.
    static let buffer = 1024

    /// Listens from now on, over a connection of its own. The stream ends after `.lost`; a reader that stops reading ends
    /// it, and everything that belongs to it is let go.
    ///
    /// While nothing happens nothing wakes up: the descriptors are in the process's one epoll set, and a local
    /// connection asks for no sign of life, since the kernel tells of its end.
    ///
    /// - Parameter hasLinks: whether to tell of links as well, which only this machine's kernel does.
    /// - Throws: `HostError.unreachable` or `.deadline` when libvirt there does not answer.
    public static func stream(
        uri: String = "qemu:///system", hasLinks: Bool = true, deadline: Duration
    ) async throws(HostError) -> AsyncStream<HostEvent> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: HostEvent.self, bufferingPolicy: .bufferingNewest(buffer))
        let target = HostEventTarget(continuation)
        let subscription = try await LibvirtSubscription.open(uri: uri, target: target, deadline: deadline)
        let links: LinkSubscription?
        do throws(HostError) {
            links = hasLinks ? try LinkSubscription(target: target) : nil
        } catch {
            subscription.cancel()
            throw error
        }
        continuation.onTermination = { _ in
            links?.cancel()
            subscription.cancel()
        }
        // Lost before the line above.
        if target.isLost {
            links?.cancel()
            subscription.cancel()
        }
        return stream
    }
}

/// Where callbacks put events; they run on libvirt's event loop and must not wait.
final class HostEventTarget: Sendable {
    private let continuation: AsyncStream<HostEvent>.Continuation
    private let lost = Atomic(false)

    init(_ continuation: AsyncStream<HostEvent>.Continuation) { self.continuation = continuation }

    var isLost: Bool { lost.load(ordering: .acquiring) }

    /// The oldest events make room. The reader learns of it by the newest one.
    func yield(_ event: HostEvent) {
        if case .dropped = continuation.yield(event) { continuation.yield(.overflowed) }
    }

    /// Ends the stream.
    func lose(_ reason: String) {
        guard !lost.exchange(true, ordering: .acquiringAndReleasing) else { return }
        continuation.yield(.lost(reason: reason))
        continuation.finish()
    }
}
