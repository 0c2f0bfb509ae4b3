import ArgumentParser
import Foundation
import GitRepository
import Manifests
import Model
import Watching

/// `infra hook`: a push that answers.
struct HookCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hook", abstract: "Let a repository judge pushes, and wake the watcher.",
        subcommands: [HookInstallCommand.self, PreReceiveCommand.self, PostReceiveCommand.self])
}

/// What a hook has to know.
struct HookOptions: ParsableArguments {
    @Option(help: "The branch that drives the fleet; pushes to others are not looked at.")
    var branch = "main"

    @Option(help: ArgumentHelp("The folder of the manifests in the repository.", valueName: "path"))
    var path = ""

    @Option(
        help: ArgumentHelp("Whose signed commits count; the watcher's own file.", valueName: "file"),
        completion: .file())
    var trust: String?

    @OptionGroup var control: ControlOptions

    /// The options as words of a command line.
    var words: [String] {
        ["--branch", branch, "--socket", control.socket] + (path.isEmpty ? [] : ["--path", path])
            + (trust.map { ["--trust", $0] } ?? [])
    }
}

/// `infra hook install`: writes the hooks of a bare repository.
struct HookInstallCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "install", abstract: "Write pre-receive and post-receive hooks into a bare repository.",
        discussion: """
            `pre-receive` validates the commit that is pushed to the branch and asks the watcher what would be done: one \
            that is not valid, would lose data or removes more than the budget is rejected, as is a push with a commit on \
            the way there that is not signed as the trust file says. \
            `post-receive` wakes the watcher and shows what it does. Hooks of others are left alone.

            Exit codes: 0, 2 could not run.
            """)

    @Argument(help: "The bare repository.", completion: .directory)
    var repository: String

    @OptionGroup var hook: HookOptions

    func run() throws {
        let folder = URL(filePath: repository).absoluteURL.appending(path: "hooks")
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: folder.path(percentEncoded: false), isDirectory: &isFolder),
            isFolder.boolValue
        else { throw told("repository", "\(repository) is no bare repository: it has no folder hooks") }
        var hook = hook
        hook.trust = hook.trust.map { URL(filePath: $0).absoluteURL.path(percentEncoded: false) }
        for name in ["pre-receive", "post-receive"] {
            let words = [Program.path, "hook", name] + hook.words
            guard words.allSatisfy({ !$0.contains("'") && !$0.contains("\n") }) else {
                throw told("hook", "a path with a quote or a line end cannot stand in a hook")
            }
            let line = words.map { "'\($0)'" }.joined(separator: " ")
            try write("#!/bin/sh\n\(HookFile.mark)\nexec \(line)\n", to: folder.appending(path: name), line)
        }
        Console.output("Pushes to \(hook.branch) of \(repository) are judged and answered from now on.\n")
    }

    private func write(_ text: String, to file: URL, _ line: String) throws {
        let path = file.path(percentEncoded: false)
        if let known = FileManager.default.contents(atPath: path),
            !String(decoding: known, as: UTF8.self).contains(HookFile.mark)
        {
            throw told("hook", "\(path) is somebody else's; call this from it: \(line)")
        }
        do {
            try Data(text.utf8).write(to: file, options: .atomic)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
        } catch {
            throw told("hook", "\(path) cannot be written: \(error.localizedDescription)")
        }
    }
}

/// How a hook of ours is told from others.
private enum HookFile {
    static let mark = "# Written by `infra hook install`, which also writes it anew."
}

/// A line that git gives a hook: what a branch was, and what it is to be (githooks(5)).
struct PushedReference {
    let old: GitCommitID?
    let new: GitCommitID?
    let name: String

    /// The lines of standard input.
    static func all() -> [PushedReference] {
        var result: [PushedReference] = []
        while let line = readLine() {
            let parts = line.split(separator: " ", maxSplits: 2).map(String.init)
            guard parts.count == 3 else { continue }
            result.append(PushedReference(old: commit(parts[0]), new: commit(parts[1]), name: parts[2]))
        }
        return result
    }

    private static func commit(_ text: String) -> GitCommitID? {
        text.allSatisfy { $0 == "0" } ? nil : GitCommitID(text)
    }
}

/// `infra hook pre-receive`: judges a push before the repository takes it.
struct PreReceiveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pre-receive", abstract: "Judge a push; for the hook of that name.")

    @OptionGroup var hook: HookOptions

    func run() async throws {
        signal(SIGPIPE, SIG_IGN)
        for reference in PushedReference.all() where reference.name == "refs/heads/\(hook.branch)" {
            guard let new = reference.new else {
                throw rejected("\(hook.branch) drives a fleet and is not deleted")
            }
            try await judge(new, after: reference.old)
        }
    }

    private func judge(_ commit: GitCommitID, after old: GitCommitID?) async throws {
        let repository = GitRepository(
            existing: FileManager.default.currentDirectoryPath, program: Program.path,
            environment: ProcessInfo.processInfo.environment)
        let reader = CommitReader(
            repository: repository, path: hook.path, trust: try Trust.load(hook.trust), images: nil)
        var pushed: CommitReader.Pushed
        var isForward = true
        do throws(GitError) {
            pushed = try await reader.pushed(commit)
            if let old {
                pushed.reasons += try await reader.unsigned(below: commit, after: old)
                isForward = try await repository.relation(of: old, to: commit) == .ancestor
            }
        } catch {
            throw rejected("\(error)")
        }
        if !isForward {
            say("note: this rewrites \(hook.branch): the watcher holds it until somebody acknowledges it")
        }
        guard pushed.reasons.isEmpty else { throw rejected(pushed.commit.short, pushed.reasons) }
        try await preview(pushed)
    }
}

extension PreReceiveCommand {
    /// Shows what would be done, and rejects what an unattended run refuses. Without a watcher it is only valid.
    private func preview(_ pushed: CommitReader.Pushed) async throws {
        let files = pushed.files.map {
            ControlRequest.Manifest(path: $0.path, text: String(decoding: $0.bytes, as: UTF8.self))
        }
        let reply: ControlReply
        do throws(ControlError) {
            reply = try await ControlClient(path: hook.control.socket).ask(.preview(pushed.commit, files: files))
        } catch {
            say("commit \(pushed.commit.short) is valid; what it would do is not known: \(error)")
            return
        }
        switch reply {
        case .preview(let preview):
            guard preview.reasons.isEmpty else { throw rejected(pushed.commit.short, preview.reasons) }
            say("commit \(pushed.commit.short) is valid" + (pushed.commit.signer.map { ", signed by \($0)" } ?? ""))
            for note in preview.notes { say("note: \(note)") }
            if let plan = preview.plan { say(plan.text.trimmingCharacters(in: .newlines)) }
        case .failed(let reason):
            say("commit \(pushed.commit.short) is valid; what it would do is not known: \(reason)")
        case .event, .done: break
        }
    }

    private func rejected(_ commit: String, _ reasons: [Diagnostic]) -> ExitCode {
        for reason in reasons { say("\(reason)") }
        return rejected("commit \(commit): \(reasons.count) problem\(reasons.count == 1 ? "" : "s")")
    }

    private func rejected(_ reason: String) -> ExitCode {
        say("rejected: \(reason)")
        return ExitCode(Exit.failed)
    }

    private func say(_ text: String) { HookOutput.say(text) }
}

/// What the pusher reads.
enum HookOutput {
    /// Writes lines, whatever they came from.
    static func say(_ text: String) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        Console.output(lines.map { TerminalText.safe(String($0)) + "\n" }.joined())
    }
}

/// `infra hook post-receive`: wakes the watcher and shows what it does, until it is done.
struct PostReceiveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "post-receive", abstract: "Wake the watcher and show what it does; for the hook of that name.")

    @OptionGroup var hook: HookOptions

    func run() async throws {
        signal(SIGPIPE, SIG_IGN)
        for reference in PushedReference.all() where reference.name == "refs/heads/\(hook.branch)" {
            guard let new = reference.new else { continue }
            do throws(ControlError) {
                let reply = try await ControlClient(path: hook.control.socket).ask(.follow(commit: new.text)) { timed in
                    // The plan was shown before the push was taken.
                    if case .planned = timed.event { return }
                    for line in EventLines.lines(timed.event) { HookOutput.say(line) }
                }
                if case .failed(let reason) = reply { HookOutput.say(reason) }
            } catch {
                HookOutput.say("the commit is there; what becomes of it is not known: \(error)")
            }
        }
    }
}
