import CLibvirt
public import Foundation
public import Model
import Synchronization

/// A domain as libvirt knows it.
public struct DomainRecord: Sendable {
    /// libvirt's name.
    public var name: String
    /// libvirt's UUID.
    public var uuid: UUID
    /// What it does.
    public var state: VirtualMachine.State
    /// Whether libvirt starts it with the host.
    public var autostart: Bool
    /// Whether it is there when it does not run. One that is not was undefined while running, or never defined.
    public var isPersistent = true
    /// Its definitions, or why they could not be read.
    public var definitions: Result<Definitions, HostError>

    /// What is said of a domain. Neither holds passwords.
    public struct Definitions: Sendable {
        /// What it will start from. Of a domain without a persistent definition, what it runs with.
        public var persistent: XMLElement
        /// What it runs with, or goes on with when it is saved; nil while it is off.
        public var live: XMLElement?
    }
}

extension LibvirtConnection {
    /// Reads every domain and makes a value of each, in no particular order: one list, one bulk read of the states, and
    /// one definition of each domain that is off, two of each that runs, with several under way at once. The transform
    /// runs on the reading thread, so that trees do not pile up.
    ///
    /// Maps to `virConnectListAllDomains`, `virConnectGetAllDomainStats`, `virDomainGetXMLDesc`. A domain that goes
    /// meanwhile is left out.
    ///
    /// - Parameters:
    ///   - omitting: names of elements that the transform does not need; reading is quicker without them.
    ///   - uuids: of those that are read; all with nil.
    public func domains<Value: Sendable>(
        omitting names: [String] = [], only uuids: Set<UUID>? = nil, deadline: Duration,
        transform: @escaping @Sendable (DomainRecord) -> Value
    ) async throws(HostError) -> [Value] {
        let end = ContinuousClock.now + deadline
        let begun = uuids == nil ? takeBegunDomains() : nil
        let list = if let begun { begun } else { try await listDomains(only: uuids, deadline: deadline) }
        let results = await withTaskGroup(of: Result<[Value], HostError>.self) { group in
            for _ in 0..<min(Self.readers, list.count) {
                group.addTask {
                    do throws(HostError) {
                        return .success(
                            try await self.call("virDomainGetXMLDesc", deadline: end - .now) { _ in
                                list.read(omitting: names, transform)
                            })
                    } catch {
                        return .failure(error)
                    }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        var values: [Value] = []
        for result in results { values += try result.get() }
        return values
    }

    /// Lists the domains and asks for their definitions, so that the next call of `domains` finds answers waiting. For
    /// who connects before it is known what the definitions are for.
    func beginDomains(deadline: Duration) async throws(HostError) {
        let list = try await listDomains(deadline: deadline)
        begin(list)
        for _ in 0..<min(Self.readers, list.count) { detach { list.askAhead() } }
    }

    /// How many threads read definitions. The others are for calls that somebody waits for meanwhile.
    private static let readers = threads - 2

    private func listDomains(
        only uuids: Set<UUID>? = nil, deadline: Duration
    ) async throws(HostError) -> DomainList {
        try await call("virConnectListAllDomains", deadline: deadline) { (connection) throws(HostError) in
            try DomainList(connection, only: uuids)
        }
    }
}
