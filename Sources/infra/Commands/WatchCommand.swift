import ArgumentParser
import Crypto
import Foundation
import GitRepository
import Manifests
import Model
import Reconciler
import Watching

/// `infra watch`: a branch drives the fleet.
struct WatchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch", abstract: "Keep a fleet as a branch of a git repository says.",
        discussion: """
            Each new commit is validated, judged by the trust file and by the fleet's own policy, planned, applied and \
            read again, within what is allowed unattended. A commit that is not valid changes nothing: the last good one \
            stays in force. Between commits what drifts is mended, or only told, as the policy says. SIGTERM and Ctrl-C \
            end it after the running steps.

            Exit codes: 0 ended as asked, 2 could not run.
            """)

    @Argument(help: "https://host/path, ssh://user@host/path, file:///path or an absolute path.")
    var url: String

    @Option(help: "The branch that drives the fleet.")
    var branch = "main"

    @Option(help: ArgumentHelp("The folder of the manifests in the repository.", valueName: "path"))
    var path = ""

    @OptionGroup var access: GitAccessOptions

    @Option(
        help: ArgumentHelp(
            "Whose signed commits count, and the most that unattended runs may do; outside the repository.",
            valueName: "file"), completion: .file())
    var trust: String?

    @Option(help: ArgumentHelp("The folder of image files.", valueName: "dir"), completion: .directory)
    var files: String?

    @OptionGroup var secrets: SecretOptions

    @Option(help: ArgumentHelp("How often the branch is looked at.", valueName: "duration"))
    var interval = DurationArgument(seconds: 30)

    @Option(help: ArgumentHelp("How often everything is read again without an event.", valueName: "duration"))
    var resync = DurationArgument(seconds: 600)

    @Option(
        help: ArgumentHelp(
            "How long one fetch may take; a look at the branch has at most 30s.", valueName: "duration"))
    var gitTimeout = DurationArgument(seconds: 300)

    @Option(help: ArgumentHelp("How long to wait for an apply by hand.", valueName: "duration"))
    var lockTimeout = DurationArgument(seconds: 60)

    @OptionGroup var state: WatchStateOptions
    @OptionGroup var control: ControlOptions

    @Option(help: ArgumentHelp("The group whose members may use the socket; without it root alone.", valueName: "name"))
    var socketGroup: String?

    @OptionGroup var serving: ServingOptions
    @OptionGroup var tell: TellingOptions
    @OptionGroup var run: RunOptions
    @OptionGroup var output: FormatOptions

    func validate() throws {
        guard interval.duration >= .milliseconds(100), resync.duration >= .seconds(1) else {
            throw ValidationError("--interval is at least 100ms, --resync at least 1s")
        }
        guard gitTimeout.duration >= .seconds(1) else { throw ValidationError("--git-timeout is at least 1s") }
    }

    func run() async throws {
        // A reader of our socket or output that goes away is no reason to end.
        signal(SIGPIPE, SIG_IGN)
        let reader = try reader()
        let metrics = WatchMetrics(version: Version.current)
        let health = WatchHealth(patience: max(interval.duration, .seconds(60)) * 3)
        let history = await History.open(folder: state.state)
        for notice in history.notices { Console.error(TerminalText.safe("note: \(notice)")) }
        let telling = try tell.sinks(for: reader, fleet: reader.repository.location?.description ?? url)
        let writer = EventWriter(format: output.format)
        let sinks: [any WatchEventSink] = [writer, history, metrics, health]
        let events = EventBroadcast(sinks + telling.all)
        let watcher = Watcher(
            reader: reader,
            settings: WatchSettings(
                interval: interval.duration, resync: resync.duration, lockTimeout: lockTimeout.duration,
                run: run.settings), events: events
        ) { pulse in
            switch pulse {
            case .turned: health.beat()
            case .read(let whole): metrics.read(whole: whole)
            case .polled(let failed):
                metrics.polled(failed: failed)
                health.polled(failed: failed)
            }
        }
        let server: ControlServer
        do throws(ControlError) {
            server = try await ControlServer(path: control.socket, group: try group(), watcher: watcher)
        } catch {
            throw told("socket", "\(error)")
        }
        let web = try await serving.start(metrics: metrics, health: health, branch: branch) { watcher.lookAtBranch() }
        let termination = Termination { watcher.stop($0) }
        let answering = Task { await server.run() }
        await watcher.run()
        answering.cancel()
        await answering.value
        await web?.stop()
        await telling.finish()
        await writer.finish(within: .seconds(5))
        termination.cancel()
    }

    private func reader() throws -> CommitReader {
        do {
            let location = try GitLocation(url)
            let repository = GitRepository(
                folder: try state.repository(of: location, branch: branch), location: location, branch: branch,
                access: access.access,
                limits: GitLimits(
                    deadline: min(gitTimeout.duration, .seconds(30)), fetchDeadline: gitTimeout.duration),
                program: Program.path)
            return CommitReader(
                repository: repository, path: path, trust: try Trust.load(trust), images: files,
                secrets: secrets.source)
        } catch let error as GitError {
            throw told("location", "\(error)")
        }
    }

    private func group() throws(ControlError) -> gid_t? {
        guard let socketGroup else { return nil }
        guard let entry = getgrnam(socketGroup) else {
            throw .unusable(control.socket, reason: "there is no group \(socketGroup)")
        }
        return entry.pointee.gr_gid
    }
}

/// Tells an error that keeps a command from running.
func told(_ code: String, _ message: String) -> ExitCode {
    Console.error(TerminalText.safe("error[\(code)]: \(message)"))
    return ExitCode(Exit.couldNotRun)
}

/// How a repository is reached.
struct GitAccessOptions: ParsableArguments {
    @Option(help: ArgumentHelp("For https: a file with the token, mode 0600.", valueName: "file"), completion: .file())
    var tokenFile: String?

    @Option(help: ArgumentHelp("For https: the user that goes with the token.", valueName: "name"))
    var user = "git"

    @Option(
        help: ArgumentHelp("For https: the authorities that are trusted, PEM.", valueName: "file"), completion: .file())
    var caFile: String?

    @Option(help: ArgumentHelp("For ssh: the private key, mode 0600.", valueName: "file"), completion: .file())
    var identity: String?

    @Option(
        help: ArgumentHelp("For ssh: the keys of hosts; others are refused.", valueName: "file"), completion: .file())
    var knownHosts: String?

    var access: GitAccess {
        GitAccess(
            tokenFile: tokenFile, userName: user, authorityFile: caFile, identityFile: identity,
            knownHostsFile: knownHosts)
    }
}

/// Where a watcher keeps what it can do without.
struct WatchStateOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Where the copy of the repository and the history lie. Nothing is lost with it but history.",
            valueName: "dir"), completion: .directory)
    var state = "/var/lib/infra/watch"

    /// The folder of the copy of a branch.
    func repository(of location: GitLocation, branch: String) throws -> String {
        do {
            try FileManager.default.createDirectory(
                atPath: state, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw told("state", "\(state) cannot be made: \(error.localizedDescription)")
        }
        let digest = SHA256.hash(data: Data("\(location)\n\(branch)".utf8))
        let name = digest.prefix(6).hexDigits
        return URL(filePath: state).absoluteURL.appending(path: "\(name).git").path(percentEncoded: false)
    }
}

/// Where a watcher answers.
struct ControlOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The socket on which the watcher answers.", valueName: "path"))
    var socket = ControlClient.defaultPath
}

extension Trust {
    /// Reads a trust file; without one everybody who can push is trusted.
    static func load(_ path: String?) throws -> Trust {
        guard let path else { return .everybody }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw told("trust", "\(path) cannot be read")
        }
        do throws(TrustError) {
            return try TrustDocument.read(SourceFile(path: path, bytes: Array(data)))
        } catch {
            for diagnostic in error.diagnostics { Console.error("\(diagnostic)") }
            throw ExitCode(Exit.couldNotRun)
        }
    }
}

/// This program.
enum Program {
    /// Its absolute path.
    static let path = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? "/proc/self/exe"
}
