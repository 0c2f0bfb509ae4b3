import Foundation
import Hosts
import Model

/// What a domain says about itself, in its metadata. The mark and the UUID together make a domain ours.
struct MachineMark: Hashable, Sendable {
    static let namespace = "urn:infra:v1"

    /// The fleet, as written.
    var fleet: String
    var kind: String
    var id: String
    /// Whether it may not be removed, as of the last apply.
    var isProtected: Bool
    /// How much memory it was defined to have. The running definition says instead what the guest's balloon has come to.
    var memory: ByteCount?

    /// The mark that a machine is to have.
    init(_ machine: VirtualMachine, identity: Identity) {
        fleet = identity.fleet.lowercased
        kind = ResourceKind.virtualMachine.rawValue
        id = machine.metadata.identity
        isProtected = machine.spec.protect
        memory = machine.spec.memory.size
    }

    /// Reads the mark of a domain; nil when it has none.
    init?(domain: XMLElement) {
        guard let element = domain.first("metadata")?.elements.first(where: Self.isMark) else { return nil }
        fleet = element["fleet"] ?? ""
        kind = element["kind"] ?? ""
        id = element["id"] ?? ""
        isProtected = element["protect"] == "yes"
        memory = element["memory"].flatMap { UInt64($0) }.map { ByteCount($0) }
    }

    /// Writes the mark into a domain, in place of an older one.
    func write(to domain: inout XMLElement) {
        domain.edit("metadata") { metadata in
            if metadata.editFirst(where: Self.isMark, write(attributesOf:)) { return }
            var element = XMLElement(
                "infra:machine", namespace: Self.namespace, [.init("xmlns:infra", Self.namespace)])
            write(attributesOf: &element)
            metadata.insert(element)
        }
    }

    private func write(attributesOf element: inout XMLElement) {
        element["fleet"] = fleet
        element["kind"] = kind
        element["id"] = id
        element["protect"] = isProtected ? "yes" : "no"
        element["memory"] = memory.map { String($0.bytes) }
    }

    private static func isMark(_ element: XMLElement) -> Bool {
        element.namespace == namespace && element.localName == "machine"
    }
}

/// Whose a domain is.
enum DomainOwner: Hashable, Sendable {
    /// Ours: mark and UUID agree.
    case ours(id: String)
    /// Not ours, with what there is to say about it.
    case foreign(String)

    init(domain: XMLElement, uuid: UUID, name: String, identity: Identity) {
        guard let mark = MachineMark(domain: domain) else {
            let isNamesake = identity.uuid(ResourceID(.virtualMachine, name)) == uuid
            self = .foreign(isNamesake ? "no mark, though its UUID is that of VirtualMachine/\(name)" : "")
            return
        }
        guard mark.fleet == identity.fleet.lowercased else {
            self = .foreign("fleet \(mark.fleet)")
            return
        }
        guard mark.kind == ResourceKind.virtualMachine.rawValue,
            identity.uuid(ResourceID(.virtualMachine, mark.id)) == uuid
        else {
            self = .foreign("the mark of \(mark.kind)/\(mark.id), but another UUID")
            return
        }
        self = .ours(id: mark.id)
    }
}
