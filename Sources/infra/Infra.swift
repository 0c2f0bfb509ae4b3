import ArgumentParser
import Foundation
import Hosts
import Model

/// The command line. Each command parses, calls the libraries, renders, and maps the result to an exit code.
@main
struct Infra: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "infra",
        abstract: "Make KVM hosts match YAML manifests.",
        discussion: """
            A folder of manifests describes hosts, storage pools, images, volumes, networks and virtual machines. \
            `infra plan` shows what differs from what is there and what each change disturbs; `infra apply` does it, \
            and is done only when a fresh plan is empty. Nothing is kept but on the hosts themselves.
            """,
        version: "infra \(Version.current)",
        subcommands: [
            InitCommand.self, ValidateCommand.self, PlanCommand.self, DiffCommand.self, ApplyCommand.self,
            DestroyCommand.self, ObserveCommand.self, StatusCommand.self, CapacityCommand.self, GetCommand.self,
            ConsoleCommand.self, StartCommand.self, StopCommand.self, RestartCommand.self,
            ImportCommand.self, SchemaCommand.self, DoctorCommand.self, WatchCommand.self, HookCommand.self,
            ReconcileCommand.self,
            SuspendCommand.self, ResumeCommand.self, LogCommand.self, RollbackCommand.self, FenceCommand.self,
            ForgetCommand.self,
            GitWorkerCommand.self,
        ])

    /// A command line that cannot be understood is one that could not run: 2, as with every other tool of that kind.
    static func main() async {
        if let word = CommandLine.arguments.dropFirst().first, let message = unknownCommand(word) {
            Console.error(message)
            Exit.leave(Exit.couldNotRun)
        }
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            let code = exitCode(for: error)
            if let code = error as? ExitCode { Exit.leave(code.rawValue) }
            if code == .success { exit(withError: error) }
            let message = fullMessage(for: error)
            if !message.isEmpty { Console.error(message) }
            Exit.leave(Exit.couldNotRun)
        }
        Exit.leave(Exit.ok)
    }

    /// What is said where the first word is no command; nil where it is one, or no word.
    private static func unknownCommand(_ word: String) -> String? {
        // Not by key paths, on which Swift 6.3 crashes here: they begin at a metatype.
        let commands = configuration.subcommands.map { $0.configuration }
        let known = commands.compactMap { $0.commandName } + ["help"]
        let shown = commands.filter { $0.shouldDisplay }.compactMap { $0.commandName }
        guard !word.hasPrefix("-"), !known.contains(word) else { return nil }
        let meant = Spelling.nearest(to: word, in: shown).map { "; did you mean `infra \($0)`?" } ?? ""
        return TerminalText.safe("error[unknown-command]: there is no command \(word)\(meant)")
            + "\n  See 'infra --help' for the commands that there are."
    }
}

/// The version of this program.
enum Version {
    static let current = "0.1.0"
}

/// What exit codes mean, by command. `validate`: 0 valid, 1 invalid, 2 could not run. `plan`: 0, 1 error or invalid,
/// with `--detailed-exitcode` 2 for changes. `diff`: 0 none, 1 differences, 2 error. `apply` and `destroy`: 0 converged,
/// 1 failed or blocked, 2 invalid or could not run, 3 converged with something deferred, 4 locked or refused.
/// `status`: 0 converged, 1 not.
enum Exit {
    static let ok: Int32 = 0
    static let failed: Int32 = 1
    static let couldNotRun: Int32 = 2
    static let deferred: Int32 = 3
    static let refused: Int32 = 4

    /// Ends the process, not by exit(3): threads of libvirt may be at work, and what libraries take down at an exit they
    /// would take down under them. The console holds nothing back that would have to be written first.
    static func leave(_ code: Int32) -> Never {
        SSHConnection.removeFolders()
        _exit(code)
    }
}
