import CLibvirt
public import Foundation
import Model

extension LibvirtConnection {
    /// What one domain is, without passwords; nil when there is none of that UUID. Maps to `virDomainLookupByUUID`,
    /// `virDomainGetState`, `virDomainGetXMLDesc`, `virDomainGetAutostart`.
    public func domain(_ uuid: UUID, deadline: Duration) async throws(HostError) -> DomainRecord? {
        do throws(HostError) {
            return try await withDomain(uuid, "virDomainGetXMLDesc", deadline: deadline) {
                (domain, _) throws(HostError) in
                let state = try Domain.state(domain)
                let persistent = try Domain.definition(
                    domain, flags: VIR_DOMAIN_XML_INACTIVE.rawValue, keepingBlanks: false)
                let live = state.isActive ? try Domain.definition(domain, flags: 0, keepingBlanks: false) : nil
                var autostart: Int32 = 0
                // A domain without a persistent definition has none.
                _ = virDomainGetAutostart(domain, &autostart)
                return DomainRecord(
                    name: Domain.name(domain), uuid: uuid, state: state, autostart: autostart == 1,
                    definitions: .success(DomainRecord.Definitions(persistent: persistent, live: live)))
            }
        } catch {
            if error.isNotFound { return nil }
            throw error
        }
    }

    /// The UUID of the domain of that name; nil when there is none. Maps to `virDomainLookupByName`.
    public func domainUUID(named name: String, deadline: Duration) async throws(HostError) -> UUID? {
        try await call("virDomainLookupByName", deadline: deadline) { (connection) throws(HostError) in
            guard let pointer = virDomainLookupByName(connection, name) else {
                let error = LibvirtLibrary.lastError("virDomainLookupByName")
                if error.isNotFound { return nil }
                throw error
            }
            return try DomainHandle(owning: pointer).use { (domain) throws(HostError) in Domain.uuid(domain) }
        }
    }

    /// Defines a domain, checked against libvirt's schema. Maps to `virDomainDefineXMLFlags` with `VALIDATE`.
    ///
    /// A domain with that name and UUID gets a new persistent definition; with only one of them the same, libvirt
    /// refuses.
    public func defineDomain(_ definition: XMLElement, deadline: Duration) async throws(HostError) {
        let text = definition.xmlText
        try await call("virDomainDefineXMLFlags", deadline: deadline) { (connection) throws(HostError) in
            try Self.define(connection, text)
        }
    }

    /// Changes a persistent definition: reads it whole, passwords included, lets `edit` change it, and defines what
    /// changed, all in one go on one thread. What `edit` does not touch stays. What is read does not leave the host's
    /// part of the process. Maps to `virDomainGetXMLDesc` with `INACTIVE|SECURE`, `virDomainDefineXMLFlags`.
    ///
    /// - Parameter edit: called with the definition; what it throws ends the call before any effect.
    /// - Returns: whether there was anything to change.
    @discardableResult public func editDomain(
        _ uuid: UUID, deadline: Duration,
        edit: @escaping @Sendable (_ definition: inout XMLElement) throws(HostError) -> Void
    ) async throws(HostError) -> Bool {
        try await withDomain(uuid, "virDomainDefineXMLFlags", deadline: deadline) {
            (domain, connection) throws(HostError) in
            let flags = VIR_DOMAIN_XML_INACTIVE.rawValue | VIR_DOMAIN_XML_SECURE.rawValue
            let before = try Domain.definition(domain, flags: flags, keepingBlanks: true)
            var after = before
            try edit(&after)
            // A domain that runs without a persistent definition gets one even if nothing differs.
            guard before != after || virDomainIsPersistent(domain) == 0 else { return false }
            try Self.define(connection, after.xmlText)
            return true
        }
    }

    private static func define(_ connection: OpaquePointer, _ text: String) throws(HostError) {
        let flags = VIR_DOMAIN_DEFINE_VALIDATE.rawValue
        guard let pointer = virDomainDefineXMLFlags(connection, text, flags) else {
            throw LibvirtLibrary.lastError("virDomainDefineXMLFlags")
        }
        _ = DomainHandle(owning: pointer)
    }
}
