import CLibvirt
import Foundation

/// What holds for the whole process: silence, the event loop, the last error.
enum LibvirtLibrary {
    /// Prepares libvirt once, before the first connection.
    ///
    /// Maps to `virSetErrorFunc`, `virInitialize`, `virEventRegisterImpl`. Without an event loop there are neither events
    /// nor keepalive messages.
    static let prepared: HostError? = {
        virSetErrorFunc(nil) { _, _ in }
        guard virInitialize() == 0 else { return lastError("virInitialize") }
        guard let eventLoop else { return .surprise("no descriptors are left for libvirt's event loop") }
        virEventRegisterImpl(
            { descriptor, events, callback, value, free in
                guard let callback else { return -1 }
                return LibvirtLibrary.eventLoop?.addHandle(descriptor, events, callback, value, free) ?? -1
            },
            { LibvirtLibrary.eventLoop?.updateHandle($0, $1) }, { LibvirtLibrary.eventLoop?.removeHandle($0) ?? -1 },
            { interval, callback, value, free in
                guard let callback else { return -1 }
                return LibvirtLibrary.eventLoop?.addTimer(interval, callback, value, free) ?? -1
            }, { LibvirtLibrary.eventLoop?.updateTimer($0, $1) }, { LibvirtLibrary.eventLoop?.removeTimer($0) ?? -1 })
        Thread.detachNewThread { eventLoop.run() }
        return nil
    }()

    /// Serves libvirt, and other descriptors that are to cost no thread.
    static let eventLoop = LibvirtEventLoop()

    /// The error of the libvirt call just made on this thread. Maps to `virGetLastError`.
    ///
    /// A connection that broke is `HostError.unreachable`, since nothing is known of the host any more.
    static func lastError(_ call: String) -> HostError {
        guard let error = virGetLastError() else {
            return .libvirt(code: 0, domain: 0, message: "no error was reported", call: call)
        }
        let code = virErrorNumber(rawValue: UInt32(bitPattern: error.pointee.code))
        let message = lastMessage
        let isRemote = error.pointee.domain == Int32(bitPattern: VIR_FROM_RPC.rawValue)
        if code == VIR_ERR_NO_CONNECT || code == VIR_ERR_INVALID_CONN
            || (isRemote && (code == VIR_ERR_INTERNAL_ERROR || code == VIR_ERR_SYSTEM_ERROR))
        {
            return .unreachable("\(message) (\(call))")
        }
        return .libvirt(
            code: Int(error.pointee.code), domain: Int(error.pointee.domain), message: message, call: call)
    }

    /// The words of the libvirt call that just failed on this thread. Maps to `virGetLastErrorMessage`.
    static var lastMessage: String { virGetLastErrorMessage().map { String(cString: $0) } ?? "no message" }

    /// Throws libvirt's last error when the result is negative.
    @discardableResult static func check(_ call: String, _ result: Int32) throws(HostError) -> Int32 {
        guard result >= 0 else { throw lastError(call) }
        return result
    }

    /// A string that libvirt allocated, and frees it; throws libvirt's last error when there is none.
    static func take(_ call: String, _ text: UnsafeMutablePointer<CChar>?) throws(HostError) -> String {
        guard let text else { throw lastError(call) }
        defer { free(text) }
        return String(cString: text)
    }
}

extension HostError {
    /// Whether libvirt says that the object is not there.
    public var isNotFound: Bool {
        hasCode(VIR_ERR_NO_DOMAIN) || hasCode(VIR_ERR_NO_STORAGE_POOL) || hasCode(VIR_ERR_NO_STORAGE_VOL)
    }

    /// Whether this kind of libvirt cannot do it at all.
    var isNotSupported: Bool { hasCode(VIR_ERR_NO_SUPPORT) }

    /// Whether the object is in another state than the call needs, such as off.
    public var isInvalidInState: Bool { hasCode(VIR_ERR_OPERATION_INVALID) }

    /// Whether the name or the UUID is taken.
    public var isTaken: Bool { hasCode(VIR_ERR_OPERATION_FAILED) }

    private func hasCode(_ wanted: virErrorNumber) -> Bool {
        if case .libvirt(let code, _, _, _) = self { code == Int(wanted.rawValue) } else { false }
    }
}

/// A UUID as libvirt passes it: 16 bytes.
extension UUID {
    init(libvirt bytes: [UInt8]) {
        self = bytes.withUnsafeBytes { UUID(uuid: $0.loadUnaligned(as: uuid_t.self)) }
    }

    var libvirtBytes: [UInt8] { withUnsafeBytes(of: uuid) { Array($0) } }
}
