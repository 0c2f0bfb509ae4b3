import Foundation
import Model
import Subprocess
import SystemPackage

/// The child process of one operation. Whatever happens it is gone, and collected, when the call returns.
struct GitWorkerProcess: Sendable {
    let program: String
    let limits: GitLimits

    /// Asks and waits for the answer.
    func ask(_ request: GitWorkerRequest, deadline: Duration) async throws(GitError) -> GitWorkerReply {
        guard let document = try? JSONEncoder().encode(request), document.count <= GitWorkerRequest.byteLimit else {
            throw .worker("what it is asked is longer than \(GitWorkerRequest.byteLimit >> 20) MiB")
        }
        let ended = try await GitProgram.run(
            program, ["git-worker"], input: Array(document), what: request.operation.inWords, deadline: deadline,
            outputLimit: limits.totalBytes + limits.files * 1024 + (64 << 20))
        guard let reply = GitWorkerReply(ended.output) else {
            throw .worker("it ended with \(ended.status) and without an answer; \(ended.warnings)")
        }
        if case .failed(let error) = reply.answer { throw error }
        return reply
    }
}

/// Runs a program to its end or its deadline.
enum GitProgram {
    struct Ended: Sendable {
        /// The exit code, or 128 and the number of the signal.
        let status: Int
        let output: [UInt8]
        let warnings: String
    }

    private static let searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    /// The program gets the input and no environment but `PATH` and `LC_ALL`; it has a session of its own, which is
    /// killed as a whole.
    static func run(
        _ executable: String, _ arguments: [String], input: [UInt8], what: String, deadline: Duration, outputLimit: Int
    ) async throws(GitError) -> Ended {
        brokenPipesAreErrors
        var options = PlatformOptions()
        options.createSession = true
        options.teardownSequence = [.send(signal: .kill, toProcessGroup: true, allowedDurationToNextStep: .zero)]
        let configuration = Configuration(
            executable: executable.hasPrefix("/") ? .path(FilePath(executable)) : .name(executable),
            arguments: Arguments(arguments), environment: .custom(["PATH": searchPath, "LC_ALL": "C"]),
            workingDirectory: "/", platformOptions: options)
        let late = GitError.deadline("\(what) took longer than \(deadline.components.seconds) s and was ended")
        return try await withDeadline(deadline, late: late) { () async throws(GitError) -> Ended in
            do {
                // Not `.array`: its failure to write, when the child ends early, ends this process (Subprocess 1.0.2).
                let result = try await Subprocess.run(
                    configuration, input: .inputWriter, output: .bytes(limit: outputLimit),
                    error: .bytes(limit: 1 << 16)
                ) { execution in
                    _ = try? await execution.standardInputWriter.write(input)
                    try? await execution.standardInputWriter.finish()
                }
                let status =
                    switch result.terminationStatus {
                    case .exited(let code): Int(code)
                    case .signaled(let signal): 128 + Int(signal)
                    }
                if Task.isCancelled, status != 0 { throw GitError.deadline(what) }
                let warnings = String(decoding: result.standardError.prefix(600), as: UTF8.self)
                return Ended(status: status, output: result.standardOutput, warnings: TerminalText.safe(warnings))
            } catch let error as GitError {
                throw error
            } catch let error as SubprocessError {
                switch error.code {
                case .executableNotFound: throw .worker("\(executable) is not installed")
                case .outputLimitExceeded:
                    throw .tooLarge("\(what): the answer is longer than \(outputLimit >> 20) MiB")
                default: throw .worker(TerminalText.safe("\(error)"))
                }
            } catch {
                throw .worker(TerminalText.safe("\(error)"))
            }
        }
    }

    /// A child that ends before it has read its input is an error of that operation, not the end of this process.
    private static let brokenPipesAreErrors: Void = { _ = signal(SIGPIPE, SIG_IGN) }()
}

/// The answer and the bytes behind it.
struct GitWorkerReply: Sendable {
    let answer: GitWorkerAnswer
    let body: ArraySlice<UInt8>

    /// Nil for what is no answer.
    init?(_ output: [UInt8]) {
        guard let newline = output.firstIndex(of: 10),
            let answer = try? JSONDecoder().decode(GitWorkerAnswer.self, from: Data(output[..<newline]))
        else { return nil }
        self.answer = answer
        body = output[(newline + 1)...]
    }

    /// The records of `.files`.
    func files(_ count: Int) -> [GitFile]? {
        var rest = body
        var files: [GitFile] = []
        for _ in 0..<count {
            guard let pathLength = Self.number(&rest), let length = Self.number(&rest),
                rest.count >= pathLength + length,
                let path = String(validating: rest.prefix(pathLength), as: UTF8.self)
            else { return nil }
            files.append(GitFile(path: path, bytes: Array(rest.dropFirst(pathLength).prefix(length))))
            rest = rest.dropFirst(pathLength + length)
        }
        return rest.isEmpty ? files : nil
    }

    private static func number(_ bytes: inout ArraySlice<UInt8>) -> Int? {
        guard bytes.count >= 4 else { return nil }
        defer { bytes = bytes.dropFirst(4) }
        return bytes.prefix(4).reduce(0) { $0 << 8 | Int($1) }
    }
}

extension GitWorkerRequest.Operation {
    /// For the message of a deadline.
    var inWords: String {
        switch self {
        case .remoteHead: "asking the server for its branch"
        case .fetch: "fetching from the server"
        case .fold: "folding the packs of the repository"
        case .check: "checking the copy of the repository"
        case .commit(let id), .files(let id, _), .signature(let id): "reading commit \(id.short)"
        case .relation(let first, let second): "comparing commit \(first.short) with \(second.short)"
        case .history(let id, _, _): "reading the history of commit \(id.short)"
        case .resolve: "looking for a revision"
        case .writeNote(_, let id, _, _), .readNote(let id, _): "the note on commit \(id.short)"
        }
    }
}

extension GitWorkerRequest.Operation {
    /// Whether it only looks at the copy.
    var isReading: Bool {
        switch self {
        case .remoteHead, .fetch, .fold: false
        case .check, .commit, .files, .relation, .history, .resolve, .signature, .writeNote, .readNote: true
        }
    }

    /// The commit whose files are read.
    var commit: GitCommitID? { if case .files(let id, _) = self { id } else { nil } }
}
