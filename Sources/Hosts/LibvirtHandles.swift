import CLibvirt
import Synchronization

/// The owner of a `virConnectPtr`. Each user takes a reference of its own, so that closing never pulls the connection
/// away under a call.
///
/// Unchecked because the pointer itself is only read and changed inside the mutex.
final class ConnectionOwner: Sendable {
    private struct Pointer: @unchecked Sendable {
        let value: OpaquePointer
    }

    private let pointer: Mutex<Pointer?>
    private let calls: BlockingCalls

    init(pointer: OpaquePointer, calls: BlockingCalls) {
        self.pointer = Mutex(Pointer(value: pointer))
        self.calls = calls
    }

    /// Closing talks to libvirtd, so it is done by a thread of the pool.
    deinit {
        guard let last = pointer.withLock({ $0.take() }) else { return }
        calls.detach { virConnectClose(last.value) }
    }

    /// Maps to `virConnectRef` and `virConnectClose` around the body.
    func use<Value>(_ body: (OpaquePointer) throws(HostError) -> Value) throws(HostError) -> Value {
        let current = pointer.withLock { pointer in
            if let pointer { virConnectRef(pointer.value) }
            return pointer
        }
        guard let current else { throw .unreachable("the connection is closed") }
        defer { virConnectClose(current.value) }
        return try body(current.value)
    }

    func close() {
        if let last = pointer.withLock({ $0.take() }) { virConnectClose(last.value) }
    }
}

/// The owner of a `virDomainPtr`.
struct DomainHandle: ~Copyable {
    private let pointer: OpaquePointer

    init(owning pointer: OpaquePointer) { self.pointer = pointer }

    /// The pointer is good only inside the body.
    borrowing func use<Value>(_ body: (OpaquePointer) throws(HostError) -> Value) throws(HostError) -> Value {
        try body(pointer)
    }

    deinit { virDomainFree(pointer) }
}

/// The owner of a `virStoragePoolPtr`.
struct StoragePoolHandle: ~Copyable {
    private let pointer: OpaquePointer

    init(owning pointer: OpaquePointer) { self.pointer = pointer }

    /// The pointer is good only inside the body.
    borrowing func use<Value>(_ body: (OpaquePointer) throws(HostError) -> Value) throws(HostError) -> Value {
        try body(pointer)
    }

    deinit { virStoragePoolFree(pointer) }
}
