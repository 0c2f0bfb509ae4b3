import Foundation
import Model
import Testing

@testable import Drivers
@testable import Hosts

@Suite struct ComputeReadingTests {
    private let identity = ComputeFixtures.identity
    private let artist = ResourceID(.virtualMachine, "artist")

    private func found(
        _ machine: VirtualMachine, live: XMLElement? = nil, edit: (inout XMLElement) -> Void = { _ in }
    ) -> ComputeObservation {
        var domain = DomainPatch(machine: machine, identity: identity).newDomain()
        edit(&domain)
        return found(machine, .success(.init(persistent: domain, live: live)))
    }

    private func found(
        _ machine: VirtualMachine, _ definitions: Result<DomainRecord.Definitions, HostError>
    ) -> ComputeObservation {
        let record = DomainRecord(
            name: machine.metadata.name, uuid: machine.status?.uuid ?? UUID(), state: .running, autostart: false,
            definitions: definitions)
        return Finding.collected([
            Finding(record, reading: DomainReading(identity: identity), host: "server-1")
        ])
    }

    @Test func whatCannotBeReadIsUnknown() {
        let machine = ComputeFixtures.artist()
        let seen = found(machine, .failure(.deadline(call: "virDomainGetXMLDesc")))
        #expect(seen.machines.isEmpty && seen.foreign.isEmpty)
        #expect(seen.unknown.map(\.resource) == [artist])
        #expect(seen.unknown.map(\.area) == [.compute])
        // Renamed, it does not tell which machine it is: nothing about domains is known then.
        var renamed = machine
        renamed.metadata = Metadata(name: "painter", id: "artist")
        let other = found(renamed, .failure(.deadline(call: "virDomainGetXMLDesc")))
        #expect(other.unknown.count == 1 && other.unknown.first?.resource == nil)
    }

    @Test func aDefinitionThatIsNotUnderstoodIsUnknown() {
        let seen = found(ComputeFixtures.artist()) { $0.remove("vcpu") }
        #expect(seen.machines.isEmpty && seen.unknown.map(\.resource) == [artist])
    }

    /// From what a machine runs with, only differences count, and of those only ones a restart would mend.
    @Test func theBalloonIsNoDifference() throws {
        var machine = ComputeFixtures.artist()
        machine.spec.memory = .init(size: .gibibytes(2), max: .gibibytes(4))
        func live(_ size: String) -> VirtualMachine.Spec? {
            var live = DomainPatch(machine: machine, identity: identity).newDomain()
            live.edit("currentMemory") { $0.text = size }
            return found(machine, live: live).machines.first?.status?.live
        }
        #expect(live("2097152") == nil)
        #expect(live("4194304") == nil)
        #expect(live("3000000") == nil)
        #expect(live("1048576")?.memory.size == .gibibytes(1))
        // Defined with less since: it still runs with more.
        var running = DomainPatch(machine: machine, identity: identity).newDomain()
        running.edit("currentMemory") { $0.text = "4194304" }
        machine.spec.memory.size = .gibibytes(1)
        #expect(found(machine, live: running).machines.first?.status?.live?.memory.size == .gibibytes(2))
    }

    @Test func theRunningDefinitionsOwnAdditionsAreNoDifference() throws {
        let machine = ComputeFixtures.artist()
        var live = DomainPatch(machine: machine, identity: identity).newDomain()
        live["id"] = "7"
        live.edit("devices") { devices in
            devices.editFirst(where: { $0.name == "graphics" }) { $0["port"] = "5900" }
            devices.editFirst(where: { $0.alias == "ua-nic-eth0" }) { $0.edit("target") { $0["dev"] = "vnet0" } }
        }
        let seen = try #require(found(machine, live: live).machines.first)
        #expect(seen.status?.live == nil)
        #expect(seen.status?.unmanaged == [])
    }

    @Test(arguments: ["b", "bytes", "KB", "k", "KiB", "M", "MiB", "GB", "GiB", "T", "TiB"])
    func sizesHaveUnits(_ unit: String) throws {
        let factors: [String: UInt64] = [
            "b": 1, "bytes": 1, "KB": 1000, "k": 1 << 10, "KiB": 1 << 10, "M": 1 << 20, "MiB": 1 << 20,
            "GB": 1_000_000_000, "GiB": 1 << 30, "T": 1 << 40, "TiB": 1 << 40,
        ]
        let element = XMLElement("memory", [.init("unit", unit)], text: "3")
        #expect(DomainReading.bytes(element)?.bytes == 3 * (try #require(factors[unit])))
    }

    @Test func oddSizesAreNoSizes() {
        for (unit, text) in [("KiB", "-1"), ("KiB", ""), ("parsec", "1"), ("TiB", "18446744073709551615")] {
            #expect(DomainReading.bytes(XMLElement("memory", [.init("unit", unit)], text: text)) == nil)
        }
    }
}
