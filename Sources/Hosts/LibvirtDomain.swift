import CLibvirt
import Foundation
import Model

/// Reads of one domain, made by those who hold its pointer.
enum Domain {
    /// Maps to `virDomainGetUUID`; no message to libvirtd.
    static func uuid(_ pointer: OpaquePointer) -> UUID {
        var bytes = [UInt8](repeating: 0, count: 16)
        _ = virDomainGetUUID(pointer, &bytes)
        return UUID(libvirt: bytes)
    }

    /// Maps to `virDomainGetName`; no message to libvirtd.
    static func name(_ pointer: OpaquePointer) -> String {
        virDomainGetName(pointer).map { String(cString: $0) } ?? ""
    }

    /// Maps to `virDomainGetState`, and `virDomainHasManagedSaveImage` for a domain that is off.
    static func state(_ pointer: OpaquePointer) throws(HostError) -> VirtualMachine.State {
        var state: Int32 = 0
        try LibvirtLibrary.check("virDomainGetState", virDomainGetState(pointer, &state, nil, 0))
        let found = VirtualMachine.State(libvirt: state)
        guard !found.isActive else { return found }
        let saved = virDomainHasManagedSaveImage(pointer, 0)
        if saved < 0 {
            // A driver that saves nothing says so.
            let error = LibvirtLibrary.lastError("virDomainHasManagedSaveImage")
            guard error.isNotSupported else { throw error }
        }
        return saved == 1 ? .saved : found
    }

    /// Maps to `virDomainGetXMLDesc`.
    static func definition(
        _ pointer: OpaquePointer, flags: UInt32, keepingBlanks: Bool
    ) throws(HostError) -> XMLElement {
        guard let text = virDomainGetXMLDesc(pointer, flags) else {
            throw LibvirtLibrary.lastError("virDomainGetXMLDesc")
        }
        defer { free(text) }
        return try definition(text, count: strlen(text), keepingBlanks: keepingBlanks)
    }

    /// A definition from what `virDomainGetXMLDesc` wrote.
    static func definition(
        _ text: UnsafeMutablePointer<CChar>, count: Int, keepingBlanks: Bool, omitting names: [String] = []
    ) throws(HostError) -> XMLElement {
        let result = text.withMemoryRebound(to: UInt8.self, capacity: count) { bytes in
            Result { () throws(HostError) in
                try XMLElement(
                    parsing: UnsafeBufferPointer(start: bytes, count: count), from: "virDomainGetXMLDesc",
                    keepingBlanks: keepingBlanks, omitting: names)
            }
        }
        return try result.get()
    }
}

extension VirtualMachine.State {
    /// Reads a `virDomainState`.
    init(libvirt state: Int32) {
        switch virDomainState(rawValue: UInt32(bitPattern: state)) {
        case VIR_DOMAIN_RUNNING, VIR_DOMAIN_BLOCKED, VIR_DOMAIN_SHUTDOWN: self = .running
        case VIR_DOMAIN_PAUSED, VIR_DOMAIN_PMSUSPENDED: self = .paused
        case VIR_DOMAIN_CRASHED: self = .crashed
        default: self = .off
        }
    }
}

extension LibvirtConnection {
    /// Runs the body with the domain of that UUID. Maps to `virDomainLookupByUUID`.
    ///
    /// - Parameter name: the libvirt function that matters, for errors.
    func withDomain<Value: Sendable>(
        _ uuid: UUID, _ name: String, deadline: Duration,
        _ body: @escaping @Sendable (_ domain: OpaquePointer, _ connection: OpaquePointer) throws(HostError) -> Value
    ) async throws(HostError) -> Value {
        try await call(name, deadline: deadline) { (connection) throws(HostError) in
            guard let pointer = virDomainLookupByUUID(connection, uuid.libvirtBytes) else {
                throw LibvirtLibrary.lastError("virDomainLookupByUUID")
            }
            return try DomainHandle(owning: pointer).use { (domain) throws(HostError) in
                try body(domain, connection)
            }
        }
    }
}
