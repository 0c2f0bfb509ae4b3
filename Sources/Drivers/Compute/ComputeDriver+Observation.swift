public import Foundation
import Hosts
import Model

extension ComputeDriver {
    /// Reads all domains. What cannot be read is told as unknown, never left out.
    /// - Parameter uuids: of those that are read; all with nil.
    public func observe(only uuids: Set<UUID>? = nil, deadline: Duration) async -> ComputeObservation {
        do throws(HostError) {
            let reading = DomainReading(identity: identity)
            let findings = try await connection.domains(omitting: DomainReading.unread, only: uuids, deadline: deadline)
            {
                [host] record in
                Finding(record, reading: reading, host: host)
            }
            return Finding.collected(findings)
        } catch {
            return ComputeObservation(unknown: [UnknownArea(.compute, reason: "\(error)")])
        }
    }
}

/// What one domain turned out to be.
enum Finding: Sendable {
    case machine(VirtualMachine, [Tap])
    case foreign(ForeignObject, VirtualMachine?)
    case unknown(UnknownArea)

    init(_ record: DomainRecord, reading: DomainReading, host: String) {
        switch record.definitions {
        case .failure(let error):
            // Whose it is, is in the definition; only a domain still called as at the start tells by its UUID.
            let named = ResourceID(.virtualMachine, record.name)
            self = .unknown(
                UnknownArea(
                    .compute, resource: reading.identity.uuid(named) == record.uuid ? named : nil,
                    reason: "domain \(record.name) cannot be read: \(error)"))
        case .success(let definitions):
            let owner = DomainOwner(
                domain: definitions.persistent, uuid: record.uuid, name: record.name, identity: reading.identity)
            switch owner {
            case .foreign(let owner): self = Self.foreign(record, definitions, owner, reading, host)
            case .ours(let id): self = Self.machine(record, definitions, id, reading, host)
            }
        }
    }

    private static func machine(
        _ record: DomainRecord, _ definitions: DomainRecord.Definitions, _ id: String, _ reading: DomainReading,
        _ host: String
    ) -> Finding {
        let resource = ResourceID(.virtualMachine, id)
        guard
            let spec = reading.spec(
                definitions.persistent, host: host, state: record.state, autostart: record.autostart)
        else {
            return .unknown(
                UnknownArea(
                    .compute, resource: resource, reason: "the definition of domain \(record.name) is not understood"))
        }
        let live = definitions.live.flatMap { reading.liveSpec($0, persistent: spec) }
        let status = VirtualMachine.Status(
            host: host, uuid: record.uuid, state: record.state, persistent: record.isPersistent,
            live: live == spec ? nil : live,
            links: record.state.isActive ? definitions.live.map { reading.links($0, persistent: spec) } ?? [:] : [:],
            unmanaged: UnmanagedDevice.descriptions(
                ([definitions.persistent] + [definitions.live].compactMap(\.self)).map {
                    DeviceNaming($0).applied(to: $0)
                }),
            protected: spec.protect)
        return .machine(
            VirtualMachine(
                metadata: Metadata(name: record.name, id: id == record.name ? nil : id), spec: spec, status: status),
            record.state.isActive ? definitions.live.map { taps($0, of: id) } ?? [] : [])
    }

    /// The links that libvirt made for a running domain's interfaces on bridges.
    private static func taps(_ definition: XMLElement, of machine: String) -> [Tap] {
        (definition.first("devices")?.elements("interface") ?? []).compactMap { device in
            guard device["type"] == "bridge", let bridge = device.first("source")?["bridge"],
                let link = device.first("target")?["dev"]
            else { return nil }
            return Tap(machine: machine, device: link, bridge: bridge)
        }
    }

    private static func foreign(
        _ record: DomainRecord, _ definitions: DomainRecord.Definitions, _ owner: String, _ reading: DomainReading,
        _ host: String
    ) -> Finding {
        let definition = definitions.live ?? definitions.persistent
        let isActive = record.state.isActive
        let macs = definition.first("devices")?.elements("interface").compactMap { device in
            device.first("mac")?["address"].flatMap { MACAddress($0) }
        }
        let adoptable = AdoptableDomain(record, definitions, owner: owner, reading: reading, host: host)
        let object = ForeignObject(
            kind: .domain, name: record.name, owner: owner, uuid: record.uuid.lowercased,
            cpu: isActive ? reading.cpu(definition)?.count : nil,
            memory: isActive ? reading.memory(definition)?.size : nil, macs: macs ?? [], obstacle: adoptable.obstacle)
        return .foreign(object, adoptable.machine)
    }

    static func collected(_ findings: [Finding]) -> ComputeObservation {
        var observation = ComputeObservation()
        for finding in findings {
            switch finding {
            case .machine(let machine, let taps):
                observation.machines.append(machine)
                observation.taps += taps
            case .foreign(let object, let machine):
                observation.foreign.append(object)
                if let machine { observation.adoptable.append(machine) }
            case .unknown(let area): observation.unknown.append(area)
            }
        }
        observation.machines.sort { $0.metadata.identity }
        observation.foreign.sort { $0.name < $1.name }
        observation.adoptable.sort { $0.metadata.name < $1.metadata.name }
        observation.unknown.sort { $0.reason < $1.reason }
        return observation
    }
}
