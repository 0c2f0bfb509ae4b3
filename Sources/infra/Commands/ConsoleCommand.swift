import ArgumentParser
import Foundation
import Glibc
import Hosts
import Model
import Reconciler

/// `infra console`: a machine's serial console.
struct ConsoleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "console", abstract: "Open a machine's serial console; leave it with Ctrl-].",
        discussion: """
            Becomes `virsh console` on the machine's host, or with --log shows what the console printed so far.
            """)

    @Argument(help: "The machine's id.") var machine: String
    @OptionGroup var fleet: FleetOptions
    @OptionGroup var reach: ReachOptions
    @Flag(help: "Show what the console printed so far, and end.") var log = false

    func run() async throws {
        let input = try FleetInput.load(fleet)
        guard let wanted = input.manifest.machines.first(where: { $0.metadata.identity == machine }) else {
            Console.error("error[unknown-machine]: there is no VirtualMachine/\(TerminalText.safe(machine))")
            throw ExitCode(Exit.failed)
        }
        let identity = Identity(fleet: input.manifest.fleet.uuid)
        let uuid = identity.uuid(.virtualMachine, wanted.metadata)
        let command =
            log
            ? ["cat", "--", identity.consoleLogPath(machine: machine)]
            : ["virsh", "--connect", "qemu:///system", "console", "--", uuid.lowercased]
        let way = try await way(to: input.manifest)
        let words = way.terminal(command)
        var arguments = words.map { strdup($0) } + [nil]
        execvp(words[0], &arguments)
        Console.error("error[console]: \(words[0]): \(String(cString: strerror(errno)))")
        throw ExitCode(Exit.couldNotRun)
    }

    /// The way to the machine's host: the only one, or the one on which it is seen.
    private func way(to manifest: FleetManifest) async throws -> HostReach {
        let settings = RunSettings(sshKeys: reach.keys)
        var host = manifest.hosts.first
        if manifest.hosts.count > 1 {
            let observed = await ConnectedFleet(manifest, files: nil, settings: settings).observe()
            let found = observed.values.first { $0.holds(ResourceID(.virtualMachine, machine)) }?.host.metadata.identity
            host = manifest.hosts.first { $0.metadata.identity == found }
        }
        guard let host else {
            Console.error("error[console]: VirtualMachine/\(machine) is on no host that answers")
            throw ExitCode(Exit.failed)
        }
        do {
            return try await HostReach.open(host, keys: settings.sshKeys, deadline: settings.observationDeadline)
        } catch {
            Console.error("error[console]: Host/\(host.metadata.identity): \(TerminalText.safe("\(error)"))")
            throw ExitCode(Exit.couldNotRun)
        }
    }
}
