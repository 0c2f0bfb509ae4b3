import ArgumentParser
import GitRepository

/// `infra git-worker`: the child process in which libgit2 runs. Not for use by hand.
struct GitWorkerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "git-worker", abstract: "A part of infra; not for use by hand.", shouldDisplay: false)

    func run() throws { throw ExitCode(GitWorker.serve()) }
}
