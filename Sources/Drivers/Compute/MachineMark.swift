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
    /// libvirt's UUID, of a domain that was adopted.
    var uuid: String?
    /// By what its devices are told, of a domain that was adopted and whose devices have no aliases of ours yet.
    var devices = DeviceMap()

    /// The mark that a machine is to have.
    init(_ machine: VirtualMachine, devices: DeviceMap = DeviceMap(), identity: Identity) {
        fleet = identity.fleet.lowercased
        kind = ResourceKind.virtualMachine.rawValue
        id = machine.metadata.identity
        isProtected = machine.spec.protect
        memory = machine.spec.memory.size
        let derived = identity.uuid(ResourceID(.virtualMachine, id))
        uuid = machine.status.flatMap { $0.uuid == derived ? nil : $0.uuid.lowercased }
        self.devices = devices
    }

    /// Reads the mark of a domain; nil when it has none.
    init?(domain: XMLElement) {
        guard let element = domain.first("metadata")?.elements.first(where: Self.isMark) else { return nil }
        fleet = element["fleet"] ?? ""
        kind = element["kind"] ?? ""
        id = element["id"] ?? ""
        isProtected = element["protect"] == "yes"
        memory = element["memory"].flatMap { UInt64($0) }.map { ByteCount($0) }
        uuid = element["uuid"]
        for device in element.elements {
            guard let name = device["name"] else { continue }
            // libvirt gives them the namespace of the mark.
            switch device.localName {
            case "disk": devices.disks[name] = device["dev"]
            case "interface": devices.interfaces[name] = device["mac"].flatMap { MACAddress($0) }
            default: break
            }
        }
    }

    /// The mark as libvirt's call to set metadata takes it: it adds the namespace itself.
    var element: XMLElement {
        var element = XMLElement("machine")
        write(attributesOf: &element)
        for (name, target) in devices.disks.sorted(by: { $0.key < $1.key }) {
            element.insert(XMLElement("disk", [.init("name", name), .init("dev", target)]))
        }
        for (name, mac) in devices.interfaces.sorted(by: { $0.key < $1.key }) {
            element.insert(XMLElement("interface", [.init("name", name), .init("mac", mac.description)]))
        }
        return element
    }

    /// Writes the mark into a domain, in place of an older one. By now its devices have aliases, so it maps none.
    func write(to domain: inout XMLElement) {
        domain.edit("metadata") { metadata in
            let isThere = metadata.editFirst(where: Self.isMark) { element in
                write(attributesOf: &element)
                element.children = []
            }
            if isThere { return }
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
        element["uuid"] = uuid
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
            mark.uuid ?? identity.uuid(ResourceID(.virtualMachine, mark.id)).lowercased == uuid.lowercased
        else {
            self = .foreign("the mark of \(mark.kind)/\(mark.id), but another UUID")
            return
        }
        self = .ours(id: mark.id)
    }
}
