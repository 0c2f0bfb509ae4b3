import ArgumentParser
import Foundation
import Model
import Reconciler

/// `infra forget`: a host is gone for good.
struct ForgetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "forget", abstract: "Say that a host is gone for good.",
        discussion: """
            The hosts remember which machines the last apply left on each other; what was on a host that does not answer \
            is made nowhere else. This ends that for a host that left the manifests: its machines are made anew where the \
            manifests say, with empty disks, while whatever ran there may still run. So it asks for the host's UUID, which \
            it tells when it is called without.

            Exit codes: 0, 1 a host did not answer or nothing is remembered, 2 could not run, 4 locked or refused.
            """)

    @Argument(help: ArgumentHelp("The host, by name or metadata.id.", valueName: "host"))
    var host: String

    @OptionGroup var fleet: FleetOptions
    @OptionGroup var secrets: SecretOptions
    @OptionGroup var run: RunOptions

    @Option(
        help: ArgumentHelp(
            "Your word that this machine runs nothing any more and never will, by its UUID.", valueName: "uuid"),
        transform: UUID.argument)
    var yesItIsGone: UUID?

    @Option(help: ArgumentHelp("How long to wait for another controller, such as 30s.", valueName: "duration"))
    var lockTimeout = DurationArgument(seconds: 0)

    func run() async throws {
        let input = try await FleetInput.load(fleet, secrets, format: .text)
        guard !input.manifest.hosts.contains(where: { $0.metadata.identity == host }) else {
            Console.error("error[forget]: the manifests declare Host/\(host); remove it there first")
            throw ExitCode(Exit.couldNotRun)
        }
        let connected = await ConnectedFleet(input.manifest, files: nil, settings: run.settings)
        guard let known = await connected.remembered(of: host) else {
            Console.error("error[forget]: no host that answers remembers host \(host)")
            throw ExitCode(Exit.failed)
        }
        let machines = known.machines.isEmpty ? "no machine" : known.machines.joined(separator: ", ")
        guard let uuid = yesItIsGone else {
            Console.output(
                """
                Host \(host) is \(known.uuid.lowercased), as \(known.rememberedBy.joined(separator: ", ")) remember it.
                The last apply left on it: \(machines).
                They may be made elsewhere once it is forgotten, without their data. Whatever still runs there goes on.
                Disks in a shared pool are taken as they are: two machines that write to one destroy it. Be sure that the host is off.
                To forget it: --yes-it-is-gone and its UUID.

                """)
            throw ExitCode(Exit.refused)
        }
        guard uuid == known.uuid else {
            Console.error("error[forget]: host \(host) is \(known.uuid.lowercased), not \(uuid.lowercased)")
            throw ExitCode(Exit.refused)
        }
        guard known.unknown.isEmpty else {
            for (name, reason) in known.unknown.sorted(by: { $0.key < $1.key }) {
                Console.error("error[forget]: host \(name) may remember it too, and does not answer: \(reason)")
            }
            throw ExitCode(Exit.failed)
        }
        do throws(ApplyRefusal) {
            try await connected.forget(host, uuid: uuid, lockTimeout: lockTimeout.duration)
        } catch {
            Console.error("error[forget]: \(error.reason)")
            if case .host = error { throw ExitCode(Exit.failed) }
            throw ExitCode(Exit.refused)
        }
        Console.output("Host \(host) is forgotten. It had \(machines).\n")
    }
}
