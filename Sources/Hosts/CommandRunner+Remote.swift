import Foundation
import Subprocess

extension CommandRunner {
    /// How many bytes of a file are in memory at once on their way to another host.
    private static let chunk = 1 << 20
    /// How much longer than we a host lets a command run, in seconds: so it is ended there even if nobody can say so.
    private static let patience = 5

    /// A program that talks with us until its input ends, and what is to be written to it first.
    func conversation(_ executable: String, _ arguments: [String]) -> (Configuration, preface: [UInt8]) {
        guard let connection else { return (Self.configuration(executable, arguments), []) }
        let command = RemoteCommand(executable: executable, arguments: arguments, input: .stream, limit: nil)
        return (connection.session(), command.bytes)
    }

    /// Runs a program at the other end of a connection. Its time begins once there is room for it.
    static func end(
        over connection: SSHConnection, _ program: String, _ arguments: [String], _ name: String,
        _ input: CommandInput, _ deadline: Duration, _ limit: Int
    ) async throws(HostError) -> RawOutput {
        await connection.slots.enter()
        let result: Result<RawOutput, HostError>
        do throws(HostError) {
            guard !Task.isCancelled else { throw .deadline(call: name) }
            guard connection.isOpen else { throw connection.unreachable(connection.lastWords) }
            result = .success(
                try await timed(name, deadline) { () async throws(HostError) in
                    let raw = try await run(over: connection, program, arguments, input, deadline, limit)
                    return try checked(raw, connection, name)
                })
        } catch {
            result = .failure(error)
        }
        await connection.slots.leave()
        return try result.get()
    }

    private static func run(
        over connection: SSHConnection, _ program: String, _ arguments: [String], _ input: CommandInput,
        _ deadline: Duration, _ limit: Int
    ) async throws(HostError) -> RawOutput {
        let seconds = Int(deadline.components.seconds) + patience
        func command(_ input: RemoteCommand.Input) -> [UInt8] {
            RemoteCommand(executable: program, arguments: arguments, input: input, limit: seconds).bytes
        }
        let file: FileReading?
        let first: [UInt8]
        switch input {
        case .none: (first, file) = (command(.whole([])), nil)
        case .bytes(let bytes): (first, file) = (command(.whole(bytes)), nil)
        case .file(let path): (first, file) = (command(.stream), try FileReading(path))
        }
        do {
            return try await collect(connection.session(), feeding: .inputWriter, limit) { execution in
                let writer = execution.standardInputWriter
                _ = try? await writer.write(first)
                // A file that ends too early is noticed there, by its digest.
                while let file, let bytes = try? await file.next(chunk), !bytes.isEmpty {
                    guard (try? await writer.write(bytes)) != nil else { break }
                }
                try? await writer.finish()
            }
        } catch {
            throw failure(error, program, limit)
        }
    }

    /// Tells what ssh says from what the program says.
    private static func checked(
        _ raw: RawOutput, _ connection: SSHConnection, _ name: String
    ) throws(HostError) -> RawOutput {
        let words = CommandText.firstLines(raw.error)
        switch raw.status {
        case 255: throw connection.unreachable(words.isEmpty ? "the connection broke during \(name)" : words)
        case RemoteCommand.isCutOff where words.contains(RemoteCommand.cutOffWords):
            throw connection.unreachable("the connection broke before \(name) began")
        case 127 where words.hasPrefix("timeout: failed to run command"):
            throw .command(program: name, status: 127, standardError: "not installed")
        default: return raw
        }
    }
}

/// A file on the controller that is read piece by piece, on a thread of its own.
private final class FileReading: Sendable {
    private let calls = BlockingCalls(threads: 1)
    private let descriptor: Int32

    /// Opens a file; a symbolic link in the last place is refused.
    init(_ path: String) throws(HostError) {
        descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw .command(
                program: "open", status: 126,
                standardError: "its input cannot be opened: \(String(cString: strerror(errno)))")
        }
    }

    deinit { close(descriptor) }

    /// The next bytes; none at the end.
    func next(_ count: Int) async throws(HostError) -> [UInt8] {
        try await calls.run("read", deadline: .seconds(60)) { [self] () throws(HostError) in
            var buffer = [UInt8](repeating: 0, count: count)
            let got = read(descriptor, &buffer, count)
            guard got >= 0 else { throw .surprise("reading a file: \(String(cString: strerror(errno)))") }
            return Array(buffer[..<got])
        }
    }
}
