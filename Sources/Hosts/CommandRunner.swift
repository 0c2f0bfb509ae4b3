import CLinux
import Foundation
import Model
import Subprocess
import SystemPackage

/// What a command reads on its standard input.
public enum CommandInput: Sendable {
    /// Nothing; it is `/dev/null`.
    case none
    /// These bytes, then the end of the file. Data, never part of a shell's text.
    case bytes([UInt8])
    /// The contents of a file on the controller, by absolute path. A symbolic link in the last place is refused.
    case file(String)
}

/// What a command wrote.
public struct CommandOutput: Hashable, Sendable {
    /// The exit code, one of those that the caller accepts.
    public let status: Int
    /// Standard output, which was valid UTF-8.
    public let text: String
    /// The first lines of standard error, safe to print.
    public let warnings: String
}

extension CommandOutput {
    /// - Parameter repairing: whether output that is not UTF-8 is repaired instead of refused.
    /// - Throws: `.unreadable` for output that is refused.
    init(_ raw: CommandRunner.RawOutput, of executable: String, repairing: Bool) throws(HostError) {
        let whole = repairing ? String(decoding: raw.output, as: UTF8.self) : nil
        guard let text = whole ?? String(validating: raw.output, as: UTF8.self) else {
            throw .unreadable("\(executable) wrote something that is not UTF-8")
        }
        self.text = text
        status = raw.status
        warnings = CommandText.firstLines(raw.error)
    }
}

/// Runs programs on a host, as fixed argument vectors with data on standard input. The host is this machine, or one that
/// is reached over an `SSHConnection` (`RemoteCommand` says how the arguments get there).
///
/// Programs are looked up in `searchPath`, run in a session of their own (Ctrl-C on the controller's terminal is not
/// theirs to see), and know no environment but `PATH` and `LC_ALL=C`.
public struct CommandRunner: Sendable {
    /// Where programs are looked up.
    public static let searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    /// How much a command may write to standard error before it is ended.
    static let errorLimit = 1 << 18

    /// The exit code of `flock` when another writer has the lock; none of the programs we run uses it.
    private static let conflict = 75

    /// The folder of the lock files, `/run/lock`; another one in tests.
    public let lockFolder: String

    /// The way to the host; nil for this machine.
    let connection: SSHConnection?

    /// Whether the host is this machine.
    public var isLocal: Bool { connection == nil }

    /// A runner on this machine.
    public init(lockFolder: String = "/run/lock") {
        self.lockFolder = lockFolder
        connection = nil
        Self.brokenPipesAreErrors
    }

    /// A runner on the host at the other end.
    public init(over connection: SSHConnection, lockFolder: String = "/run/lock") {
        self.lockFolder = lockFolder
        self.connection = connection
    }

    /// Runs a program and waits for its end.
    ///
    /// - Parameters:
    ///   - executable: a program's name, or its absolute path.
    ///   - arguments: one element each; operands that come from elsewhere stand behind `--`.
    ///   - input: what it reads.
    ///   - deadline: how long it may take. After that its whole process group is ended.
    ///   - outputLimit: how many bytes it may write to standard output before it is ended.
    ///   - accepting: the exit codes that are no error.
    ///   - repairing: whether output that is not UTF-8 is repaired instead of refused, for lists of foreign names.
    ///   - underLock: for commands that write. While they run they hold a shared lock that the next `HostLock` waits
    ///     for, so a command that has outlived its controller keeps other writers away.
    /// - Throws: `.command` for another exit code or a program that cannot be started, `.deadline` when it did not end
    ///   in time or the caller was cancelled, `.unreadable` for more output than allowed or output that is not UTF-8,
    ///   `.unreachable` when the connection broke: what the command did then is unknown.
    @discardableResult
    public func run(
        _ executable: String, _ arguments: [String], input: CommandInput = .none, deadline: Duration = .seconds(30),
        outputLimit: Int = 1 << 20, accepting: Set<Int> = [0], repairing: Bool = false,
        underLock: Bool = false
    ) async throws(HostError) -> CommandOutput {
        try CommandOutput(
            try await end(
                executable, arguments, input: input, deadline: deadline, outputLimit: outputLimit,
                accepting: accepting, underLock: underLock), of: executable, repairing: repairing)
    }

    /// Runs a program whose output is no text and waits for its end. Otherwise as `run`.
    ///
    /// - Returns: what it wrote to standard output.
    public func bytes(
        _ executable: String, _ arguments: [String], input: CommandInput = .none, deadline: Duration = .seconds(30),
        outputLimit: Int
    ) async throws(HostError) -> [UInt8] {
        try await end(executable, arguments, input: input, deadline: deadline, outputLimit: outputLimit).output
    }

    func end(
        _ executable: String, _ arguments: [String], input: CommandInput = .none, deadline: Duration,
        outputLimit: Int, accepting: Set<Int> = [0], underLock: Bool = false
    ) async throws(HostError) -> RawOutput {
        let isLocked = [
            "--shared", "--no-fork", "--wait", "10", "--conflict-exit-code", String(Self.conflict), "--",
            "\(lockFolder)/\(HostLock.workFile)", executable,
        ]
        let (program, words) = underLock ? ("flock", isLocked + arguments) : (executable, arguments)
        let raw: RawOutput
        if let connection {
            raw = try await Self.end(over: connection, program, words, executable, input, deadline, outputLimit)
        } else {
            raw = try await Self.timed(executable, deadline) { () async throws(HostError) in
                try await Self.collect(Self.configuration(program, words), executable, input, outputLimit)
            }
        }
        if underLock, raw.status == Self.conflict {
            throw .locked(holder: "a writer that took the host's lock meanwhile")
        }
        guard accepting.contains(raw.status) else {
            throw .command(
                program: executable, status: raw.status, standardError: CommandText.firstLines(raw.error))
        }
        return raw
    }

    /// Runs the body within the deadline.
    static func timed(
        _ name: String, _ deadline: Duration, _ body: @escaping @Sendable () async throws(HostError) -> RawOutput
    ) async throws(HostError) -> RawOutput {
        try await withDeadline(deadline, late: HostError.deadline(call: name)) {
            () async throws(HostError) -> RawOutput in
            let raw = try await body()
            // Ended by us: its exit code says nothing of its work.
            if Task.isCancelled, raw.status != 0 { throw .deadline(call: name) }
            return raw
        }
    }

    /// A program with our environment, in a session of its own that is ended as a whole.
    static func configuration(_ executable: String, _ arguments: [String]) -> Configuration {
        var options = PlatformOptions()
        options.createSession = true
        options.teardownSequence = [
            .gracefulShutDown(toProcessGroup: true, allowedDurationToNextStep: .milliseconds(300))
        ]
        return Configuration(
            executable: path(of: executable).map { .path(FilePath($0)) } ?? .name(executable),
            arguments: Arguments(arguments), environment: .custom(["PATH": searchPath, "LC_ALL": "C"]),
            workingDirectory: "/", platformOptions: options)
    }

    /// The absolute path of a program; nil when it is nowhere in `searchPath`. Looked up here, since Subprocess starts a
    /// process for every folder that does not have it.
    private static func path(of executable: String) -> String? {
        guard !executable.hasPrefix("/") else { return executable }
        return searchPath.split(separator: ":").lazy.map { "\($0)/\(executable)" }.first { access($0, X_OK) == 0 }
    }

    struct RawOutput: Sendable {
        let status: Int
        let output: [UInt8]
        let error: [UInt8]
    }

    private static func collect(
        _ configuration: Configuration, _ name: String, _ input: CommandInput, _ limit: Int
    ) async throws(HostError) -> RawOutput {
        do {
            switch input {
            case .none: return try await collect(configuration, feeding: .none, limit) { _ in }
            case .bytes(let bytes):
                // Not by a pipe: should this process be killed, the program would take what it had got for all of it.
                return try await collect(
                    configuration, feeding: .fileDescriptor(try memory(bytes), closeAfterSpawningProcess: true), limit
                ) { _ in }
            case .file(let path):
                let file = try FileDescriptor.open(
                    FilePath(path), .readOnly, options: [.noFollow, .closeOnExec], retryOnInterrupt: true)
                return try await collect(
                    configuration, feeding: .fileDescriptor(file, closeAfterSpawningProcess: true), limit
                ) { _ in }
            }
        } catch {
            throw failure(error, name, limit)
        }
    }

    /// A file without a name, in memory, that is read from its start. Maps to memfd_create(2).
    private static func memory(_ bytes: [UInt8]) throws -> FileDescriptor {
        let closesOnExec: UInt32 = 1
        let descriptor = memfd_create("infra-input", closesOnExec)
        guard descriptor >= 0 else { throw Errno(rawValue: errno) }
        let file = FileDescriptor(rawValue: descriptor)
        do {
            try file.writeAll(bytes)
            try file.seek(offset: 0, from: .start)
        } catch {
            try? file.close()
            throw error
        }
        return file
    }

    /// What it means that a program could not be run to its end.
    static func failure(_ error: any Error, _ name: String, _ limit: Int) -> HostError {
        switch error {
        case let error as SubprocessError where error.code == .executableNotFound:
            .command(program: name, status: 127, standardError: "not installed")
        case let error as SubprocessError where error.code == .outputLimitExceeded:
            .unreadable("\(name) wrote more than the \(ByteCount(UInt64(limit))) that are read")
        case let error as Errno:
            .command(program: name, status: 126, standardError: "its input cannot be opened: \(error)")
        default: .command(program: name, status: 126, standardError: CommandText.printable("\(error)"))
        }
    }

    static func collect<Input: InputProtocol>(
        _ configuration: Configuration, feeding input: Input, _ limit: Int,
        _ feed: @Sendable (Execution<Input, BytesOutput, BytesOutput>) async -> Void
    ) async throws -> RawOutput {
        let result = try await Subprocess.run(
            configuration, input: input, output: .bytes(limit: limit), error: .bytes(limit: errorLimit), body: feed)
        let status =
            switch result.terminationStatus {
            case .exited(let code): Int(code)
            case .signaled(let signal): 128 + Int(signal)
            }
        return RawOutput(status: status, output: result.standardOutput, error: result.standardError)
    }

    /// A child that ends before it has read its input is an error of that command, not the end of this process.
    static let brokenPipesAreErrors: Void = { _ = signal(SIGPIPE, SIG_IGN) }()
}
