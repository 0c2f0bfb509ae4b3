import CLibvirt
import Foundation
import Synchronization

/// A connection to one libvirt. What comes out are values; its pointers stay inside `Hosts`.
///
/// Every call blocks a thread of the connection's own pool, not of Swift's, and has a deadline; after it the caller
/// gets `HostError.deadline` and the outcome is unknown. libvirt's connections may be used by several threads at once.
public final class LibvirtConnection: Sendable {
    /// How many calls may be under way at once.
    static let threads = 10

    /// The address it was opened with, such as `qemu:///system`.
    public let uri: String
    private let calls: BlockingCalls
    private let owner: ConnectionOwner
    private let begunDomains = Mutex<DomainList?>(nil)

    private init(uri: String, calls: BlockingCalls, owner: ConnectionOwner) {
        self.uri = uri
        self.calls = calls
        self.owner = owner
    }

    /// Connects, and asks for the domains at once: for who will read them, but has something else to do before. The next
    /// call of `domains` then finds answers waiting.
    ///
    /// - Throws: as `open`.
    public static func openAhead(uri: String, deadline: Duration) async throws(HostError) -> LibvirtConnection {
        let connection = try await open(uri: uri, deadline: deadline)
        try await connection.beginDomains(deadline: deadline)
        return connection
    }

    /// Connects. Maps to `virConnectOpen` and `virConnectSetKeepAlive`.
    ///
    /// - Throws: `HostError.unreachable` when nothing answers there, `HostError.deadline`.
    public static func open(uri: String, deadline: Duration) async throws(HostError) -> LibvirtConnection {
        let calls = BlockingCalls(threads: threads)
        let owner = try await calls.run("virConnectOpen", deadline: deadline) {
            () throws(HostError) -> ConnectionOwner in
            if let error = LibvirtLibrary.prepared { throw error }
            guard let pointer = virConnectOpen(uri) else {
                throw .unreachable("\(LibvirtLibrary.lastMessage) (virConnectOpen \(uri))")
            }
            // Refused by drivers without a wire, where it is not needed.
            _ = virConnectSetKeepAlive(pointer, 5, 3)
            return ConnectionOwner(pointer: pointer, calls: calls)
        }
        return LibvirtConnection(uri: uri, calls: calls, owner: owner)
    }

    /// Disconnects, once the calls under way have ended. Maps to `virConnectClose`. Without it the connection is closed
    /// when its last user lets it go.
    public func close(deadline: Duration) async throws(HostError) {
        try await calls.run("virConnectClose", deadline: deadline) { [owner] in owner.close() }
    }

    /// Runs the body with the connection on a thread of the pool.
    ///
    /// - Parameter name: the libvirt function, for errors.
    func call<Value: Sendable>(
        _ name: String, deadline: Duration,
        _ body: @escaping @Sendable (_ connection: OpaquePointer) throws(HostError) -> Value
    ) async throws(HostError) -> Value {
        try await calls.run(name, deadline: deadline) { [owner] () throws(HostError) -> Value in
            try owner.use(body)
        }
    }

    /// Runs the body with this connection and another one, on a thread of its own: such calls may take long, and the
    /// pool's threads have others to serve.
    ///
    /// - Parameter name: the libvirt function, for errors.
    func call<Value: Sendable>(
        _ name: String, with other: LibvirtConnection, deadline: Duration,
        _ body: @escaping @Sendable (_ own: OpaquePointer, _ other: OpaquePointer) throws(HostError) -> Value
    ) async throws(HostError) -> Value {
        try await BlockingCalls(threads: 1).run(name, deadline: deadline) {
            [owner, other = other.owner] () throws(HostError) -> Value in
            try owner.use { (own) throws(HostError) in
                try other.use { (other) throws(HostError) in try body(own, other) }
            }
        }
    }

    /// Runs the body on a thread of the pool some time, as long as the connection is open.
    func detach(_ body: @escaping @Sendable () -> Void) {
        calls.detach { [owner] in try? owner.use { _ in body() } }
    }

    /// Keeps a list whose answers are under way for the next reader.
    func begin(_ list: DomainList) { begunDomains.withLock { $0 = list } }

    /// The list whose answers are under way; the next reader lists anew.
    func takeBegunDomains() -> DomainList? { begunDomains.withLock { $0.take() } }
}
