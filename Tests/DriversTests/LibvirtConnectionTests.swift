import Foundation
import Hosts
import Model
import Testing

/// Against libvirt's own test driver, which is in the library itself and has one domain and no wire.
@Suite struct LibvirtConnectionTests {
    private let deadline = Duration.seconds(20)

    private func connection() async throws -> LibvirtConnection {
        try await LibvirtConnection.open(uri: "test:///default", deadline: deadline)
    }

    @Test func domainsAreRead() async throws {
        let domains = try await connection().domains(deadline: deadline) { $0 }
        let domain = try #require(domains.first { $0.name == "test" })
        #expect(domain.uuid == UUID(uuidString: "6695eb01-f6a4-8304-79aa-97f2502e193f"))
        #expect(domain.state == .running)
        let definitions = try domain.definitions.get()
        #expect(definitions.persistent.first("name")?.text == "test")
        #expect(definitions.live?.first("memory")?.text == "8388608")
        let single = try #require(try await connection().domain(domain.uuid, deadline: deadline))
        #expect(try single.definitions.get().persistent == definitions.persistent)
        #expect(try await connection().domainUUID(named: "test", deadline: deadline) == domain.uuid)
    }

    @Test func whatIsNotThereIsNil() async throws {
        #expect(try await connection().domain(UUID(), deadline: deadline) == nil)
        #expect(try await connection().domainUUID(named: "nope", deadline: deadline) == nil)
        let error = await #expect(throws: HostError.self) {
            try await connection().domainState(UUID(), deadline: deadline)
        }
        #expect(error?.isNotFound == true)
    }

    @Test func theNodeIsRead() async throws {
        let node = try await connection().node(deadline: deadline)
        #expect(node.cpu == 16 && node.memory == 3 << 30)
        #expect(node.libvirtVersion.split(separator: ".").count == 3)
    }

    @Test func aFailedEditHasNoEffect() async throws {
        let connection = try await connection()
        let uuid = try #require(try await connection.domainUUID(named: "test", deadline: deadline))
        await #expect(throws: HostError.surprise("no")) {
            try await connection.editDomain(uuid, deadline: deadline) { (definition) throws(HostError) in
                definition["type"] = "nothing"
                throw .surprise("no")
            }
        }
        #expect(try await !connection.editDomain(uuid, deadline: deadline) { _ in })
    }

    @Test func nobodyThereIsUnreachable() async throws {
        for uri in ["test:///no/such/file", "qemu+unix:///system?socket=/no/such/socket"] {
            let error = await #expect(throws: HostError.self) {
                try await LibvirtConnection.open(uri: uri, deadline: deadline)
            }
            guard case .unreachable = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
        }
    }

    @Test func aClosedConnectionIsUnreachable() async throws {
        let connection = try await connection()
        try await connection.close(deadline: deadline)
        await #expect(throws: HostError.unreachable("the connection is closed")) {
            try await connection.node(deadline: deadline)
        }
    }
}
