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
        /// What it runs with; nil while it is off.
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
    /// - Parameter omitting: names of elements that the transform does not need; reading is quicker without them.
    public func domains<Value: Sendable>(
        omitting names: [String] = [], deadline: Duration, transform: @escaping @Sendable (DomainRecord) -> Value
    ) async throws(HostError) -> [Value] {
        let end = ContinuousClock.now + deadline
        let list = try await call("virConnectListAllDomains", deadline: deadline) { (connection) throws(HostError) in
            try DomainList(connection)
        }
        let results = await withTaskGroup(of: Result<[Value], HostError>.self) { group in
            for _ in 0..<min(Self.threads, list.count) {
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
}

/// The domains of one list call, with what bulk calls say about them.
///
/// Unchecked because nothing in it changes, and libvirt's domain pointers may be used by any thread.
private final class DomainList: @unchecked Sendable {
    private let pointers: [OpaquePointer]
    /// Of the domains that run; nil where each has to be asked.
    private let states: [UUID: VirtualMachine.State]?
    private let autostarted: Set<UUID>
    private let next = Atomic<Int>(0)

    var count: Int { pointers.count }

    init(_ connection: OpaquePointer) throws(HostError) {
        pointers = try Self.list(connection, flags: 0)
        do throws(HostError) {
            states = try Self.states(connection)
            autostarted = try Self.uuids(connection, flags: VIR_CONNECT_LIST_DOMAINS_AUTOSTART.rawValue)
        } catch {
            Self.free(pointers)
            throw error
        }
    }

    deinit { Self.free(pointers) }

    /// Takes one domain after the other, each only once among all that call this.
    func read<Value>(omitting names: [String], _ transform: (DomainRecord) -> Value) -> [Value] {
        var values: [Value] = []
        while true {
            let index = next.add(1, ordering: .relaxed).oldValue
            guard index < pointers.count else { return values }
            if let record = record(pointers[index], omitting: names) { values.append(transform(record)) }
        }
    }

    private func record(_ pointer: OpaquePointer, omitting names: [String]) -> DomainRecord? {
        let uuid = Domain.uuid(pointer)
        var state: VirtualMachine.State?
        var isPersistent = true
        var definitions: Result<DomainRecord.Definitions, HostError>
        do throws(HostError) {
            let known = if let states { states[uuid] ?? .off } else { try Domain.state(pointer) }
            state = known
            if known.isActive {
                isPersistent =
                    try LibvirtLibrary.check("virDomainIsPersistent", virDomainIsPersistent(pointer)) == 1
            }
            let persistent = try Domain.definition(
                pointer, flags: VIR_DOMAIN_XML_INACTIVE.rawValue, keepingBlanks: false, omitting: names)
            let live =
                known.isActive ? try Domain.definition(pointer, flags: 0, keepingBlanks: false, omitting: names) : nil
            definitions = .success(DomainRecord.Definitions(persistent: persistent, live: live))
        } catch {
            if error.isNotFound { return nil }
            definitions = .failure(error)
        }
        return DomainRecord(
            name: Domain.name(pointer), uuid: uuid, state: state ?? .off, autostart: autostarted.contains(uuid),
            isPersistent: isPersistent, definitions: definitions)
    }

    private static func list(_ connection: OpaquePointer, flags: UInt32) throws(HostError) -> [OpaquePointer] {
        var list: UnsafeMutablePointer<virDomainPtr?>?
        let count = try LibvirtLibrary.check(
            "virConnectListAllDomains", virConnectListAllDomains(connection, &list, flags))
        defer { Foundation.free(list) }
        return (0..<Int(count)).compactMap { list?[$0] }
    }

    private static func free(_ pointers: [OpaquePointer]) {
        for pointer in pointers { virDomainFree(pointer) }
    }

    private static func uuids(_ connection: OpaquePointer, flags: UInt32) throws(HostError) -> Set<UUID> {
        let pointers = try list(connection, flags: flags)
        defer { free(pointers) }
        return Set(pointers.map { Domain.uuid($0) })
    }

    /// The states of the domains that run: for those that are off, libvirt takes long to say so. Nil where the driver has
    /// no bulk call.
    private static func states(_ connection: OpaquePointer) throws(HostError) -> [UUID: VirtualMachine.State]? {
        var list: UnsafeMutablePointer<virDomainStatsRecordPtr?>?
        let count = virConnectGetAllDomainStats(
            connection, VIR_DOMAIN_STATS_STATE.rawValue, &list, VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE.rawValue)
        guard count >= 0 else {
            let error = LibvirtLibrary.lastError("virConnectGetAllDomainStats")
            guard error.isNotSupported else { throw error }
            return nil
        }
        defer { virDomainStatsRecordListFree(list) }
        var states: [UUID: VirtualMachine.State] = [:]
        for index in 0..<Int(count) {
            guard let record = list?[index]?.pointee, let pointer = record.dom else { continue }
            var state: Int32 = 0
            guard virTypedParamsGetInt(record.params, record.nparams, "state.state", &state) == 1 else { continue }
            states[Domain.uuid(pointer)] = VirtualMachine.State(libvirt: state)
        }
        return states
    }
}
