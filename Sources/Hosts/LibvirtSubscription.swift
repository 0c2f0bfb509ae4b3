import CLibvirt
import Foundation
import Synchronization

/// A connection that only listens.
///
/// Every registration holds a reference of its own to the target, which libvirt gives back by the free callback.
final class LibvirtSubscription: Sendable {
    private let calls: BlockingCalls
    private let connection: ConnectionOwner
    private let registrations: Registrations
    private let isCancelled = Atomic(false)

    private struct Registrations: Sendable {
        var domains: [Int32] = []
        var pools: [Int32] = []
    }

    private init(calls: BlockingCalls, connection: ConnectionOwner, registrations: Registrations) {
        self.calls = calls
        self.connection = connection
        self.registrations = registrations
    }

    /// Maps to `virConnectOpen`, `virConnectRegisterCloseCallback`, `virConnectDomainEventRegisterAny`,
    /// `virConnectStoragePoolEventRegisterAny`.
    static func open(
        uri: String, target: HostEventTarget, deadline: Duration
    ) async throws(HostError) -> LibvirtSubscription {
        let calls = BlockingCalls(threads: 1)
        return try await calls.run("virConnectOpen", deadline: deadline) {
            () throws(HostError) -> LibvirtSubscription in
            if let error = LibvirtLibrary.prepared { throw error }
            guard let pointer = virConnectOpen(uri) else {
                throw .unreachable("\(LibvirtLibrary.lastMessage) (virConnectOpen \(uri))")
            }
            // A connection over a network may end without a word.
            if uri.contains("+") { virConnectSetKeepAlive(pointer, 30, 3) }
            var registrations = Registrations()
            do throws(HostError) {
                try register(pointer, target, &registrations)
            } catch {
                deregister(pointer, registrations)
                virConnectClose(pointer)
                throw error
            }
            return LibvirtSubscription(
                calls: calls, connection: ConnectionOwner(pointer: pointer, calls: calls), registrations: registrations)
        }
    }

    /// Ends the subscription, without waiting for libvirt.
    func cancel() {
        guard !isCancelled.exchange(true, ordering: .acquiringAndReleasing) else { return }
        calls.detach { [connection, registrations, calls] in
            try? connection.use { pointer in Self.deregister(pointer, registrations) }
            connection.close()
            withExtendedLifetime(calls) {}
        }
    }

    private static func register(
        _ connection: OpaquePointer, _ target: HostEventTarget, _ registrations: inout Registrations
    ) throws(HostError) {
        let closed = Unmanaged.passRetained(target).toOpaque()
        guard
            virConnectRegisterCloseCallback(
                connection, LibvirtEventCallbacks.closed, closed, LibvirtEventCallbacks.free) == 0
        else {
            LibvirtEventCallbacks.free(closed)
            throw LibvirtLibrary.lastError("virConnectRegisterCloseCallback")
        }
        for (event, callback) in LibvirtEventCallbacks.machines {
            let context = Unmanaged.passRetained(target).toOpaque()
            let id = virConnectDomainEventRegisterAny(
                connection, nil, Int32(bitPattern: event.rawValue), callback, context, LibvirtEventCallbacks.free)
            guard id >= 0 else {
                LibvirtEventCallbacks.free(context)
                throw LibvirtLibrary.lastError("virConnectDomainEventRegisterAny")
            }
            registrations.domains.append(id)
        }
        let context = Unmanaged.passRetained(target).toOpaque()
        let id = virConnectStoragePoolEventRegisterAny(
            connection, nil, Int32(bitPattern: VIR_STORAGE_POOL_EVENT_ID_LIFECYCLE.rawValue),
            LibvirtEventCallbacks.pool,
            context, LibvirtEventCallbacks.free)
        guard id >= 0 else {
            LibvirtEventCallbacks.free(context)
            throw LibvirtLibrary.lastError("virConnectStoragePoolEventRegisterAny")
        }
        registrations.pools.append(id)
    }

    /// Also of a dead connection, which answers with errors and lets its callbacks go.
    private static func deregister(_ connection: OpaquePointer, _ registrations: Registrations) {
        for id in registrations.domains { virConnectDomainEventDeregisterAny(connection, id) }
        for id in registrations.pools { virConnectStoragePoolEventDeregisterAny(connection, id) }
        virConnectUnregisterCloseCallback(connection, LibvirtEventCallbacks.closed)
    }
}
