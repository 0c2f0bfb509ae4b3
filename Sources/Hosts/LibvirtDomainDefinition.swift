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
    /// - Parameters:
    ///   - isOff: whether it has to be off; one that is started meanwhile is left as it is.
    ///   - edit: called with the definition; what it throws ends the call before any effect.
    /// - Returns: whether there was anything to change.
    @discardableResult public func editDomain(
        _ uuid: UUID, isOff: Bool = false, deadline: Duration,
        edit: @escaping @Sendable (_ definition: inout XMLElement) throws(HostError) -> Void
    ) async throws(HostError) -> Bool {
        try await withDomain(uuid, "virDomainDefineXMLFlags", deadline: deadline) {
            (domain, connection) throws(HostError) in
            let flags = VIR_DOMAIN_XML_INACTIVE.rawValue | VIR_DOMAIN_XML_SECURE.rawValue
            let before = try Domain.definition(domain, flags: flags, keepingBlanks: true)
            var after = before
            try edit(&after)
            // A domain that runs without a persistent definition gets one even if nothing differs.
            if isOff, virDomainIsActive(domain) != 0 {
                throw .surprise("domain \(Domain.name(domain)) was started meanwhile")
            }
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

extension LibvirtConnection {
    /// Sets one element of a domain's metadata, in the persistent definition and in what runs; nothing else changes. Maps
    /// to `virDomainSetMetadata` with `ELEMENT`.
    ///
    /// - Parameters:
    ///   - element: without a namespace, which libvirt adds to it.
    ///   - key: the prefix that libvirt writes.
    public func setDomainMetadata(
        _ uuid: UUID, _ element: XMLElement, key: String, namespace: String, deadline: Duration
    ) async throws(HostError) {
        let text = element.xmlText
        try await withDomain(uuid, "virDomainSetMetadata", deadline: deadline) { (domain, _) throws(HostError) in
            let isActive = try LibvirtLibrary.check("virDomainIsActive", virDomainIsActive(domain)) == 1
            let flags = VIR_DOMAIN_AFFECT_CONFIG.rawValue | (isActive ? VIR_DOMAIN_AFFECT_LIVE.rawValue : 0)
            try LibvirtLibrary.check(
                "virDomainSetMetadata",
                virDomainSetMetadata(
                    domain, Int32(VIR_DOMAIN_METADATA_ELEMENT.rawValue), text, key, namespace, flags))
        }
    }

    /// How many snapshots a domain has. Maps to `virDomainSnapshotNum`.
    public func domainSnapshotCount(_ uuid: UUID, deadline: Duration) async throws(HostError) -> Int {
        try await withDomain(uuid, "virDomainSnapshotNum", deadline: deadline) { (domain, _) throws(HostError) in
            Int(try LibvirtLibrary.check("virDomainSnapshotNum", virDomainSnapshotNum(domain, 0)))
        }
    }

    /// The bridges that libvirt's own networks make, each with its network's name. Maps to `virConnectListAllNetworks`,
    /// `virNetworkGetBridgeName`.
    public func networkBridges(deadline: Duration) async throws(HostError) -> [String: String] {
        try await call("virConnectListAllNetworks", deadline: deadline) { (connection) throws(HostError) in
            var list: UnsafeMutablePointer<virNetworkPtr?>?
            let count = try LibvirtLibrary.check(
                "virConnectListAllNetworks", virConnectListAllNetworks(connection, &list, 0))
            let networks = (0..<Int(count)).compactMap { list?[$0] }
            defer {
                for network in networks { virNetworkFree(network) }
                free(list)
            }
            return networks.reduce(into: [:]) { bridges, network in
                // One that is a forward mode over hardware has none.
                guard let bridge = virNetworkGetBridgeName(network) else { return }
                bridges[String(cString: bridge)] = virNetworkGetName(network).map { String(cString: $0) } ?? ""
                free(bridge)
            }
        }
    }
}
