import ArgumentParser
import Foundation
import Glibc
import Model

/// `infra console`: a machine's serial console.
struct ConsoleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "console", abstract: "Open a machine's serial console; leave it with Ctrl-].",
        discussion: "Becomes `virsh console`, or with --log shows what the console printed so far.")

    @Argument(help: "The machine's id.") var machine: String
    @OptionGroup var fleet: FleetOptions
    @Flag(help: "Show what the console printed so far, and end.") var log = false

    func run() throws {
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
        var arguments = command.map { strdup($0) } + [nil]
        execvp(command[0], &arguments)
        Console.error("error[console]: \(command[0]): \(String(cString: strerror(errno)))")
        throw ExitCode(Exit.couldNotRun)
    }
}
