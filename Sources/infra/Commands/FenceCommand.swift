import ArgumentParser
import Foundation
import Model
import Reconciler

/// `infra fence`: a host that does not answer is off, and what ran there may start elsewhere.
struct FenceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fence", abstract: "Say that a host is off, so that its machines may start elsewhere.",
        discussion: """
            What was on a host that does not answer is started nowhere else: it may run there. This says that the host is \
            off. Those of its machines whose disks all lie in shared pools with `leases: true`, and that had a lease on \
            each, are then started on other hosts by the next apply; the others stay put, since only that host has their \
            data, or nothing would keep them from running twice. Should the host be alive after all, its machines have \
            their leases, and libvirt starts none of them elsewhere. The word ends when the host answers again and nothing is \
            left there of what is elsewhere meanwhile; an apply takes care of that.

            It asks for the host's UUID, which it tells when it is called without. Every other host has to answer, but for \
            those that are said to be off.

            Exit codes: 0, 1 a host did not answer or nothing is remembered, 2 could not run, 4 locked or refused.
            """)

    @Argument(help: ArgumentHelp("The host, by name or metadata.id.", valueName: "host"))
    var host: String

    @OptionGroup var fleet: FleetOptions
    @OptionGroup var secrets: SecretOptions
    @OptionGroup var run: RunOptions

    @Option(
        help: ArgumentHelp("Your word that this machine is off, by its UUID.", valueName: "uuid"),
        transform: UUID.argument)
    var yesItIsOff: UUID?

    @Option(help: ArgumentHelp("How long to wait for another controller, such as 30s.", valueName: "duration"))
    var lockTimeout = DurationArgument(seconds: 0)

    func run() async throws {
        let input = try await FleetInput.load(fleet, secrets, format: .text)
        guard
            let declared = input.manifest.hosts.first(where: {
                [$0.metadata.identity, $0.metadata.name].contains(host)
            })
        else {
            Console.error(
                "error[fence]: the manifests declare no Host/\(host); what left them is forgotten by `infra forget`")
            throw ExitCode(Exit.couldNotRun)
        }
        let id = declared.metadata.identity
        let connected = await ConnectedFleet(input.manifest, files: nil, settings: run.settings)
        guard !connected.answers(id) else {
            Console.error("error[fence]: host \(id) answers, so it is not off")
            throw ExitCode(Exit.refused)
        }
        guard let known = await connected.remembered(of: id) else {
            Console.error("error[fence]: no host that answers remembers host \(id)")
            throw ExitCode(Exit.failed)
        }
        let staying = known.machines.filter { known.leased[$0] == nil }
        guard !known.leased.isEmpty else {
            Console.error(
                """
                error[fence]: nothing of host \(id) may start elsewhere: \(staying.isEmpty ? "no machine was on it" : "without leases on all their disks nothing would keep them from running twice: \(list(staying))")
                  In a shared pool with `leases: true` they have them. `offline: true` at the Host lets the rest of the fleet go on.
                """)
            throw ExitCode(Exit.refused)
        }
        guard let uuid = yesItIsOff else {
            Console.output(
                """
                Host \(id) is \(known.uuid.lowercased), as \(known.rememberedBy.joined(separator: ", ")) remember it.
                May start elsewhere once it is fenced, with their disks: \(list(known.leased.keys.sorted())).
                Stay there, since their data are only there or they had no leases: \(list(staying)).
                Be sure that the host is off. Leases keep a machine from running twice while both hosts reach the disks' file system.
                To fence it: --yes-it-is-off and its UUID.

                """)
            throw ExitCode(Exit.refused)
        }
        guard uuid == known.uuid else {
            Console.error("error[fence]: host \(id) is \(known.uuid.lowercased), not \(uuid.lowercased)")
            throw ExitCode(Exit.refused)
        }
        let offline = Set(input.manifest.hosts.filter(\.spec.offline).map(\.metadata.identity)).union(known.fenced)
            .union([id])
        let unknown = known.unknown.filter { !offline.contains($0.key) }
        guard unknown.isEmpty else {
            for (name, reason) in unknown.sorted(by: { $0.key < $1.key }) {
                Console.error("error[fence]: host \(name) has to know of it too, and does not answer: \(reason)")
            }
            throw ExitCode(Exit.failed)
        }
        do throws(ApplyRefusal) {
            let freed = try await connected.fence(id, uuid: uuid, lockTimeout: lockTimeout.duration)
            Console.output(
                """
                Host \(id) is fenced. May start elsewhere: \(list(freed)). Stay there: \(list(staying)).
                `infra apply` starts them where the manifests allow it.

                """)
        } catch {
            Console.error("error[fence]: \(error.reason)")
            if case .host = error { throw ExitCode(Exit.failed) }
            throw ExitCode(Exit.refused)
        }
    }

    private func list(_ machines: [String]) -> String {
        machines.isEmpty ? "none" : machines.joined(separator: ", ")
    }
}
