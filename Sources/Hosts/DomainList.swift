import CLibvirt
import Foundation
import Model
import Synchronization

/// The domains of one list call, with what bulk calls say about them.
///
/// Unchecked because what changes in it is behind locks, and libvirt's domain pointers may be used by any thread.
final class DomainList: @unchecked Sendable {
    /// How much is held of answers that nobody has asked for yet, in bytes.
    private static let aheadLimit = 1 << 24

    /// What libvirt says of one domain.
    private struct Answer {
        var state: VirtualMachine.State
        var isPersistent: Bool
        var persistent: LibvirtText
        var live: LibvirtText?
    }

    private let pointers: [OpaquePointer]
    /// Of the domains that run; nil where each has to be asked.
    private let states: [UUID: VirtualMachine.State]?
    private let autostarted: Set<UUID>
    private let saved: Set<UUID>
    private let next = Atomic<Int>(0)
    private let nextAhead = Atomic<Int>(0)
    private let room = Atomic<Int>(DomainList.aheadLimit)
    private let answers = Mutex<[Int: Answer]>([:])

    var count: Int { pointers.count }

    /// - Parameter uuids: of those that are listed; all with nil.
    init(_ connection: OpaquePointer, only uuids: Set<UUID>? = nil) throws(HostError) {
        let all = try Self.list(connection, flags: 0)
        if let uuids {
            pointers = all.filter { uuids.contains(Domain.uuid($0)) }
            Self.free(all.filter { !uuids.contains(Domain.uuid($0)) })
        } else {
            pointers = all
        }
        do throws(HostError) {
            states = try Self.states(connection)
            autostarted = try Self.uuids(connection, flags: VIR_CONNECT_LIST_DOMAINS_AUTOSTART.rawValue)
            saved = try Self.uuids(connection, flags: VIR_CONNECT_LIST_DOMAINS_MANAGEDSAVE.rawValue)
        } catch {
            Self.free(pointers)
            throw error
        }
    }

    deinit { Self.free(pointers) }

    /// Asks for one definition after the other until somebody reads, or enough is held. What fails is asked again by the
    /// reader.
    func askAhead() {
        while room.load(ordering: .relaxed) > 0, next.load(ordering: .relaxed) == 0 {
            let index = nextAhead.add(1, ordering: .relaxed).oldValue
            guard index < pointers.count else { return }
            guard let answer = try? ask(pointers[index]) else { continue }
            room.subtract(answer.persistent.count + (answer.live?.count ?? 0), ordering: .relaxed)
            answers.withLock { $0[index] = answer }
        }
    }

    /// Takes one domain after the other, each only once among all that call this.
    func read<Value>(omitting names: [String], _ transform: (DomainRecord) -> Value) -> [Value] {
        var values: [Value] = []
        while true {
            let index = next.add(1, ordering: .relaxed).oldValue
            guard index < pointers.count else { return values }
            if let record = record(index, omitting: names) { values.append(transform(record)) }
        }
    }

    private func record(_ index: Int, omitting names: [String]) -> DomainRecord? {
        let pointer = pointers[index]
        let uuid = Domain.uuid(pointer)
        var state = states?[uuid] ?? (saved.contains(uuid) ? .saved : .off)
        var isPersistent = true
        var definitions: Result<DomainRecord.Definitions, HostError>
        do throws(HostError) {
            let early = answers.withLock { $0.removeValue(forKey: index) }
            let answer = if let early { early } else { try ask(pointer) }
            state = answer.state
            isPersistent = answer.isPersistent
            let persistent = try answer.persistent.definition(omitting: names)
            let live = try answer.live.map { text throws(HostError) in try text.definition(omitting: names) }
            definitions = .success(DomainRecord.Definitions(persistent: persistent, live: live))
        } catch {
            if error.isNotFound { return nil }
            definitions = .failure(error)
        }
        return DomainRecord(
            name: Domain.name(pointer), uuid: uuid, state: state, autostart: autostarted.contains(uuid),
            isPersistent: isPersistent, definitions: definitions)
    }

    private func ask(_ pointer: OpaquePointer) throws(HostError) -> Answer {
        let uuid = Domain.uuid(pointer)
        let state =
            if let states { states[uuid] ?? (saved.contains(uuid) ? .saved : .off) } else { try Domain.state(pointer) }
        let isPersistent =
            if state.isActive {
                try LibvirtLibrary.check("virDomainIsPersistent", virDomainIsPersistent(pointer)) == 1
            } else { true }
        return Answer(
            state: state, isPersistent: isPersistent,
            persistent: try LibvirtText(pointer, flags: VIR_DOMAIN_XML_INACTIVE.rawValue),
            live: state.isActive
                ? try LibvirtText(pointer, flags: 0) : state == .saved ? try LibvirtText(savedOf: pointer) : nil)
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

/// A definition as libvirt wrote it. Unchecked because nothing changes it.
private final class LibvirtText: @unchecked Sendable {
    private let text: UnsafeMutablePointer<CChar>
    let count: Int

    /// Maps to `virDomainGetXMLDesc`.
    init(_ domain: OpaquePointer, flags: UInt32) throws(HostError) {
        guard let text = virDomainGetXMLDesc(domain, flags) else {
            throw LibvirtLibrary.lastError("virDomainGetXMLDesc")
        }
        self.text = text
        count = strlen(text)
    }

    /// What a saved guest goes on with. Maps to `virDomainManagedSaveGetXMLDesc`.
    init(savedOf domain: OpaquePointer) throws(HostError) {
        guard let text = virDomainManagedSaveGetXMLDesc(domain, 0) else {
            throw LibvirtLibrary.lastError("virDomainManagedSaveGetXMLDesc")
        }
        self.text = text
        count = strlen(text)
    }

    deinit { free(text) }

    func definition(omitting names: [String]) throws(HostError) -> XMLElement {
        try Domain.definition(text, count: count, keepingBlanks: false, omitting: names)
    }
}
