import Foundation
import Hosts
import Model

extension ComputeDriver {
    /// Which domain a step is about, and how to tell that it is still that one.
    struct Target: Sendable {
        let uuid: UUID
        let id: String
        let identity: Identity

        /// Throws `HostError.surprise` when the definition is not marked as this machine.
        func check(_ definition: XMLElement) throws(HostError) {
            let mark = MachineMark(domain: definition)
            guard let mark, mark.fleet == identity.fleet.lowercased, mark.id == id,
                mark.kind == ResourceKind.virtualMachine.rawValue
            else { throw .surprise("domain \(uuid.lowercased) is not marked as VirtualMachine/\(id) of this fleet") }
        }
    }

    func target(_ machine: VirtualMachine) throws(HostError) -> Target {
        guard let uuid = machine.status?.uuid else {
            throw .surprise("VirtualMachine/\(machine.metadata.identity) is not placed")
        }
        return Target(uuid: uuid, id: machine.metadata.identity, identity: identity)
    }

    func check(_ record: DomainRecord, _ target: Target) throws(HostError) {
        try target.check(try record.definitions.get().persistent)
    }

    /// The machine's domain as it is now; throws `HostError.surprise` when it is not there or not ours any more.
    func ours(_ machine: VirtualMachine, deadline: Duration) async throws(HostError) -> DomainRecord {
        let target = try target(machine)
        guard let record = try await connection.domain(target.uuid, deadline: deadline) else {
            throw .surprise("VirtualMachine/\(target.id) has no domain")
        }
        try check(record, target)
        return record
    }
}
