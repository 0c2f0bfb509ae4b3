import Foundation
import GitRepository
import Subprocess
import SystemPackage
import TestSupport
import Testing

/// A repository made by the `git` program, and the folder for our copy of it; both go with the value.
final class GitFixture: Sendable {
    let root: String
    /// A work tree.
    var source: String { root + "/source" }
    var copy: String { root + "/state/copy" }

    init() async throws {
        root = NSTemporaryDirectory() + "infra-git-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: root + "/home", withIntermediateDirectories: true)
        try await run("git", ["init", "-q", "-b", "main", source], in: root)
    }

    deinit { try? FileManager.default.removeItem(atPath: root) }

    /// The built program, beside the test program.
    static var program: String {
        let beside = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent().appending(path: "infra").path
        return FileManager.default.fileExists(atPath: beside)
            ? beside : Lab.repository.appending(path: ".build/debug/infra").path
    }

    func repository(limits: GitLimits = GitLimits()) throws -> GitRepository {
        GitRepository(
            folder: copy, location: try GitLocation("file://" + source), branch: "main", limits: limits,
            program: Self.program)
    }

    func write(_ path: String, _ text: String) throws { try write(path, Data(text.utf8)) }

    func write(_ path: String, _ data: Data) throws {
        let file = URL(filePath: source + "/" + path)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try data.write(to: file)
    }

    /// Commits what is in the work tree.
    @discardableResult func commit(_ message: String = "A change", _ more: [String] = []) async throws -> GitCommitID {
        try await git(["add", "-A"])
        try await git(["commit", "-q", "--allow-empty", "-m", message] + more)
        return try await head()
    }

    func head() async throws -> GitCommitID {
        try #require(GitCommitID(try await git(["rev-parse", "HEAD"]).trimmingCharacters(in: .newlines)))
    }

    @discardableResult func git(_ arguments: [String], input: String = "") async throws -> String {
        try await run("git", arguments, in: source, input: input)
    }

    @discardableResult func run(
        _ program: String, _ arguments: [String], in folder: String, input: String = ""
    ) async throws -> String {
        let ended = try await end(program, arguments, folder, input)
        guard case .exited(0) = ended.status else {
            throw Failure(text: "\(program) \(arguments): \(ended.errors)")
        }
        return ended.output
    }

    /// Runs a program that may fail: its exit code, and all that it says.
    func attempt(_ program: String, _ arguments: [String], in folder: String) async throws -> (Int32, String) {
        let ended = try await end(program, arguments, folder, "")
        guard case .exited(let code) = ended.status else { throw Failure(text: "\(program) \(arguments)") }
        return (code, ended.output + ended.errors)
    }

    private func end(
        _ program: String, _ arguments: [String], _ folder: String, _ input: String
    ) async throws -> (status: TerminationStatus, output: String, errors: String) {
        let environment: [Environment.Key: String] = [
            "PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": root + "/home", "LC_ALL": "C",
            "GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.org", "GIT_COMMITTER_NAME": "Bob",
            "GIT_COMMITTER_EMAIL": "bob@example.org", "GIT_CONFIG_NOSYSTEM": "1",
        ]
        let result = try await Subprocess.run(
            program.hasPrefix("/") ? .path(FilePath(program)) : .name(program), arguments: Arguments(arguments),
            environment: .custom(environment), workingDirectory: FilePath(folder), input: .string(input),
            output: .string(limit: 1 << 24), error: .string(limit: 1 << 20))
        return (result.terminationStatus, result.standardOutput, result.standardError)
    }

    struct Failure: Error { let text: String }
}

/// The error that the body throws.
func gitError(_ body: () async throws -> Void) async -> GitError? {
    do {
        try await body()
        return nil
    } catch {
        return error as? GitError
    }
}
