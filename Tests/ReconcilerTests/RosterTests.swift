import Foundation
import Hosts
import Model
import TestSupport
import Testing

@testable import Reconciler

@Suite struct RosterTests {
    /// A fleet of fifty thousand machines is remembered in a few MiB, more than a command may write by default.
    @Test func aLargeRosterIsReadWhole() async throws {
        let host = KVMHost(
            metadata: Metadata(name: "a"),
            status: .init(
                uuid: UUID(), hostname: "a", cpu: 1, memory: .gibibytes(1), accelerator: .tcg, acceleratorReason: "",
                libvirtVersion: "9.0.0"))
        let machines = (0..<50_000).map { number in
            VirtualMachine(
                metadata: Metadata(name: "a-machine-with-a-name-as-long-as-they-are-here-\(number)"),
                spec: .init(cpu: .init(count: 1), memory: .init(size: .mebibytes(128))))
        }
        let manifest = FleetManifest(fleet: Fleet(metadata: Metadata(name: "large"), uuid: UUID()), hosts: [host])
        let roster = Roster(manifest, ["a": HostInventory(host: host, machines: machines)], now: Moment(seconds: 0))
        let data = try JSONEncoder().encode(roster)
        #expect(data.count > 2 << 20)
        let file = FileManager.default.temporaryDirectory.appending(path: "infra-roster-\(UUID().uuidString).json")
        try data.write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let question = Roster.question(at: file.path, .seconds(60))
        #expect(try await CommandRunner().ask(question) == roster)
        // As an observation asks, beside others.
        let (read, facts) = await CommandRunner().ask(together: question, HostFacts.machine)
        #expect(try read.get() == roster)
        _ = try facts.get()
        let nothing = Roster.question(at: file.path + ".nowhere", .seconds(60))
        #expect(try await CommandRunner().ask(nothing) == nil)
    }
}
