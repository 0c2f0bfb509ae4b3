import ArgumentParser
import Foundation
import GitRepository
import Model
import Watching

/// `infra reconcile`: a running watcher looks now.
struct ReconcileCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reconcile", abstract: "Make a running watcher look at branch and hosts now.",
        discussion: "Exit codes: 0 converged, 1 not, 2 no watcher answers.")

    @Option(
        help: ArgumentHelp(
            "Do this commit although it is older than what was applied, or of another history.", valueName: "commit"))
    var acknowledge: String?

    @OptionGroup var control: ControlOptions
    @OptionGroup var output: FormatOptions

    func validate() throws {
        guard let acknowledge, GitCommitID(acknowledge) == nil else { return }
        throw ValidationError("--acknowledge takes the 40 digits of a commit")
    }

    func run() async throws {
        try await ControlSession(control.socket, output.format).follow(.reconcile(acknowledge: acknowledge))
    }
}

/// `infra suspend`: a running watcher leaves a resource alone.
struct SuspendCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "suspend", abstract: "Make watchers leave a resource alone, until `infra resume`.",
        discussion: "The hosts remember it. An apply by hand is not held back. Exit codes: 0, 2 no watcher answers.")

    @OptionGroup var suspension: SuspensionOptions

    func run() async throws { try await suspension.ask(true) }
}

/// `infra resume`: a running watcher looks after a resource again.
struct ResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Make watchers look after a resource again.",
        discussion: "Exit codes: 0, 2 no watcher answers.")

    @OptionGroup var suspension: SuspensionOptions

    func run() async throws { try await suspension.ask(false) }
}

/// What is to be left alone, or no longer.
struct SuspensionOptions: ParsableArguments {
    @Argument(help: "Kind/id") var resource: ResourceID
    @OptionGroup var control: ControlOptions

    func ask(_ isSuspended: Bool) async throws {
        try await ControlSession(control.socket, .text).follow(.suspend(resource, isSuspended))
    }
}

/// One question to a running watcher, and its answers on the terminal.
struct ControlSession {
    private let client: ControlClient
    private let format: OutputFormat

    init(_ socket: String, _ format: OutputFormat) {
        client = ControlClient(path: socket)
        self.format = format
    }

    /// Asks and shows what happens.
    /// - Throws: `ExitCode` unless it ended well.
    func follow(_ request: ControlRequest) async throws {
        let outcome = Outcome()
        let reply: ControlReply
        do throws(ControlError) {
            reply = try await client.ask(request) { timed in
                await outcome.take(timed.event)
                switch format {
                case .text: Console.output(EventLines.lines(timed.event).map { "\($0)\n" }.joined())
                case .json: if let line = try? JSONOutput.line(timed) { Console.output(line) }
                }
            }
        } catch {
            throw told("watcher", "\(error)")
        }
        if case .failed(let reason) = reply {
            Console.error(TerminalText.safe("error[watcher]: \(reason)"))
            throw ExitCode(Exit.failed)
        }
        if await outcome.isBad { throw ExitCode(Exit.failed) }
    }

    private actor Outcome {
        var isBad = false

        func take(_ event: WatchEvent) {
            switch event {
            case .notConverged, .commitRefused, .commitHeld, .standingBy, .repositoryFailed, .stopped: isBad = true
            case .converged: isBad = false
            default: break
            }
        }
    }
}
