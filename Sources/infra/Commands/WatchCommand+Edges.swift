public import ArgumentParser
import Foundation
import GitRepository
import Watching

/// Whether and where a watcher answers over HTTP.
struct ServingOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Answer /healthz, /metrics and /webhook there.", discussion: "Without it there is no HTTP.",
            valueName: "address:port"))
    var listen: String?

    @Flag(help: "The address may be one that other machines reach.")
    var listenRemote = false

    @Option(help: ArgumentHelp("A name by which the server may be addressed. May be repeated.", valueName: "name"))
    var listenName: [String] = []

    @Option(
        help: ArgumentHelp(
            "A file of mode 0600 with the secret that a forge's webhook is signed with.", valueName: "file"),
        completion: .file())
    var webhookSecret: String?

    func start(
        metrics: WatchMetrics, health: WatchHealth, branch: String, wake: @escaping @Sendable () async -> Void
    ) async throws -> WatchServer? {
        guard let listen else { return nil }
        guard let colon = listen.lastIndex(of: ":"), let port = UInt16(listen[listen.index(after: colon)...]) else {
            throw told("listen", "--listen is an address and a port, such as 127.0.0.1:9470")
        }
        let address = listen[..<colon].trimmingCharacters(in: CharacterSet(charactersIn: "[]"))
        do {
            let webhook = try webhookSecret.map { try Webhook(secretFile: $0, branch: branch, wake: wake) }
            return try await WatchServer.start(
                WatchServer.Configuration(
                    address: address, port: port, isRemoteAllowed: listenRemote, hosts: listenName),
                metrics: metrics, health: health, webhook: webhook)
        } catch {
            throw told("listen", "\(error)")
        }
    }
}

/// Who is told what became of a commit.
struct TellingOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Post outcomes there as JSON.", valueName: "url"))
    var notify: String?

    @Option(help: "Set commit statuses by the API of github, gitea or gitlab.")
    var forge: CommitStatus.Forge?

    @Option(help: ArgumentHelp("The root of the forge's API, such as https://forge/api/v1.", valueName: "url"))
    var forgeApi: String?

    @Option(help: ArgumentHelp("The project at the forge.", valueName: "owner/name"))
    var forgeProject: String?

    @Option(
        help: ArgumentHelp("A file of mode 0600 with a token that may set statuses.", valueName: "file"),
        completion: .file())
    var forgeToken: String?

    @Flag(
        inversion: .prefixedNo,
        help: ArgumentHelp(
            "Write what became of a commit into the repository, as notes below refs/notes/infra.",
            discussion: "Only into a repository on this machine."))
    var notes = true

    func validate() throws {
        guard forge != nil, forgeApi == nil || forgeProject == nil || forgeToken == nil else { return }
        throw ValidationError("--forge needs --forge-api, --forge-project and --forge-token")
    }

    /// What tells others.
    struct Sinks: Sendable {
        var notifications: Notifications?
        var status: CommitStatus?
        var notes: CommitNotes?

        var all: [any WatchEventSink] {
            let sinks: [(any WatchEventSink)?] = [notifications, status, notes]
            return sinks.compactMap(\.self)
        }

        /// Waits a moment for what is on its way.
        func finish() async {
            await notifications?.finish(within: .seconds(5))
            await status?.finish(within: .seconds(5))
            await notes?.finish(within: .seconds(5))
        }
    }

    /// - Parameters:
    ///   - reader: What is watched.
    ///   - fleet: What the fleet is called in messages.
    func sinks(for reader: CommitReader, fleet: String) throws -> Sinks {
        do {
            var sinks = Sinks()
            if notes, let location = reader.repository.location, location.scheme == .file {
                sinks.notes = CommitNotes(
                    repository: GitRepository(existing: location.path, program: Program.path, environment: [:]),
                    branch: reader.repository.branch, path: reader.path)
            }
            if let notify { sinks.notifications = Notifications(fleet: fleet, address: try WebAddress(notify)) }
            if let forge, let forgeApi, let forgeProject, let forgeToken {
                sinks.status = try CommitStatus(
                    forge: forge, base: try WebAddress(forgeApi), project: forgeProject, tokenFile: forgeToken)
            }
            return sinks
        } catch {
            throw told("notify", "\(error)")
        }
    }
}

extension CommitStatus.Forge: ExpressibleByArgument {}
