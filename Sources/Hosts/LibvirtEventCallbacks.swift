import CLibvirt
import Foundation

/// What libvirt calls, on its event loop's thread. Values are read at once; nothing waits.
enum LibvirtEventCallbacks {
    static let free: @convention(c) (UnsafeMutableRawPointer?) -> Void = { context in
        guard let context else { return }
        Unmanaged<HostEventTarget>.fromOpaque(context).release()
    }

    static let closed: @convention(c) (OpaquePointer?, Int32, UnsafeMutableRawPointer?) -> Void = {
        _, reason, context in
        let word =
            switch virConnectCloseReason(rawValue: UInt32(bitPattern: reason)) {
            case VIR_CONNECT_CLOSE_REASON_EOF: "libvirt ended"
            case VIR_CONNECT_CLOSE_REASON_KEEPALIVE: "libvirt gave no sign of life"
            case VIR_CONNECT_CLOSE_REASON_CLIENT: "it was closed here"
            default: "the connection to libvirt broke"
            }
        target(context)?.lose(word)
    }

    /// The events of machines that are listened to.
    static var machines: [(virDomainEventID, virConnectDomainEventGenericCallback)] {
        [
            (VIR_DOMAIN_EVENT_ID_LIFECYCLE, unsafeBitCast(lifecycle, to: Generic.self)),
            (VIR_DOMAIN_EVENT_ID_REBOOT, rebooted),
            (VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, unsafeBitCast(deviceAdded, to: Generic.self)),
            (VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, unsafeBitCast(deviceRemoved, to: Generic.self)),
            (VIR_DOMAIN_EVENT_ID_METADATA_CHANGE, unsafeBitCast(metadata, to: Generic.self)),
        ]
    }

    static var pool: virConnectStoragePoolEventGenericCallback {
        unsafeBitCast(poolLifecycle, to: virConnectStoragePoolEventGenericCallback.self)
    }

    // MARK: One for each signature in libvirt-domain.h and libvirt-storage.h

    private typealias Generic = virConnectDomainEventGenericCallback

    private static let lifecycle:
        @convention(c) (OpaquePointer?, OpaquePointer?, Int32, Int32, UnsafeMutableRawPointer?) -> Void = {
            _, domain, event, _, context in
            let change: HostEvent.MachineChange =
                switch virDomainEventType(rawValue: UInt32(bitPattern: event)) {
                case VIR_DOMAIN_EVENT_DEFINED: .defined
                case VIR_DOMAIN_EVENT_UNDEFINED: .undefined
                case VIR_DOMAIN_EVENT_STARTED: .started
                case VIR_DOMAIN_EVENT_SUSPENDED: .suspended
                case VIR_DOMAIN_EVENT_RESUMED: .resumed
                case VIR_DOMAIN_EVENT_STOPPED: .stopped
                case VIR_DOMAIN_EVENT_SHUTDOWN: .shuttingDown
                default: .other(Int(event))
                }
            tell(domain, change, context)
        }

    private static let rebooted: @convention(c) (OpaquePointer?, OpaquePointer?, UnsafeMutableRawPointer?) -> Void = {
        tell($1, .rebooted, $2)
    }

    private static let deviceAdded:
        @convention(c) (OpaquePointer?, OpaquePointer?, UnsafePointer<CChar>?, UnsafeMutableRawPointer?) -> Void = {
            tell($1, .deviceAdded($2.map { String(cString: $0) } ?? ""), $3)
        }

    private static let deviceRemoved:
        @convention(c) (OpaquePointer?, OpaquePointer?, UnsafePointer<CChar>?, UnsafeMutableRawPointer?) -> Void = {
            tell($1, .deviceRemoved($2.map { String(cString: $0) } ?? ""), $3)
        }

    private static let metadata:
        @convention(c) (OpaquePointer?, OpaquePointer?, Int32, UnsafePointer<CChar>?, UnsafeMutableRawPointer?) -> Void =
            {
                _, domain, _, _, context in tell(domain, .metadataChanged, context)
            }

    private static let poolLifecycle:
        @convention(c) (OpaquePointer?, OpaquePointer?, Int32, Int32, UnsafeMutableRawPointer?) -> Void = {
            _, pool, event, _, context in
            guard let pool, let name = virStoragePoolGetName(pool) else { return }
            var bytes = [UInt8](repeating: 0, count: Int(VIR_UUID_BUFLEN))
            guard virStoragePoolGetUUID(pool, &bytes) == 0 else { return }
            let change: HostEvent.PoolChange =
                switch virStoragePoolEventLifecycleType(rawValue: UInt32(bitPattern: event)) {
                case VIR_STORAGE_POOL_EVENT_DEFINED: .defined
                case VIR_STORAGE_POOL_EVENT_UNDEFINED: .undefined
                case VIR_STORAGE_POOL_EVENT_STARTED: .started
                case VIR_STORAGE_POOL_EVENT_STOPPED: .stopped
                default: .other(Int(event))
                }
            target(context)?.yield(.pool(UUID(libvirt: bytes), name: String(cString: name), change))
        }

    private static func tell(
        _ domain: OpaquePointer?, _ change: HostEvent.MachineChange, _ context: UnsafeMutableRawPointer?
    ) {
        guard let domain, let name = virDomainGetName(domain) else { return }
        var bytes = [UInt8](repeating: 0, count: Int(VIR_UUID_BUFLEN))
        guard virDomainGetUUID(domain, &bytes) == 0 else { return }
        target(context)?.yield(.machine(UUID(libvirt: bytes), name: String(cString: name), change))
    }

    private static func target(_ context: UnsafeMutableRawPointer?) -> HostEventTarget? {
        context.map { Unmanaged<HostEventTarget>.fromOpaque($0).takeUnretainedValue() }
    }
}
