import Foundation
import Subprocess
import SystemPackage

/// A program that runs beside a test and ends with it.
public final class TestServer: Sendable {
    /// It ended, or could not be prepared.
    public struct Failure: Error, CustomStringConvertible {
        /// What it said.
        public let description: String
    }

    private let said: Transcript
    private let ending: AsyncStream<Void>.Continuation
    private let running: Task<Void, Never>

    /// Starts it; both of its outputs are read all the time.
    ///
    /// - Parameter isDeaf: whether it does not end when it is asked to.
    public init(_ program: String, _ arguments: [String], isDeaf: Bool = false) throws {
        // Of its own, not Subprocess's: what the program leaves behind may hold it open when it has ended.
        let (reading, writing) = try FileDescriptor.pipe()
        let (endings, ending) = AsyncStream.makeStream(of: Void.self)
        let said = Transcript()
        self.said = said
        self.ending = ending
        Thread.detachNewThread {
            said.read(reading)
            try? reading.close()
        }
        running = Task {
            do {
                _ = try await Subprocess.run(
                    .path(FilePath(program)), arguments: Arguments(arguments),
                    environment: .custom(["PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"]),
                    input: .none, output: .fileDescriptor(writing, closeAfterSpawningProcess: true),
                    error: .combinedWithOutput
                ) { execution in
                    // One that ended before is collected only now, so its number is nobody else's.
                    for await _ in endings {}
                    try? execution.send(signal: isDeaf ? .kill : .terminate)
                }
            } catch {
                said.end("\(error)")
            }
        }
    }

    deinit { ending.finish() }

    /// Runs a program to its end.
    ///
    /// - Throws: `Failure` for one that does not end well.
    public static func run(_ program: String, _ arguments: [String], in folder: String = "/") async throws {
        let result = try await Subprocess.run(
            .name(program), arguments: Arguments(arguments), workingDirectory: FilePath(folder), input: .none,
            output: .string(limit: 1 << 20), error: .combinedWithOutput)
        guard result.terminationStatus.isSuccess else {
            throw Failure(description: "\(program) \(arguments) failed in \(folder): \(result.standardOutput)")
        }
    }

    /// Ends it and waits for that.
    public func end() async {
        ending.finish()
        await running.value
    }

    /// All that it said until now.
    public var text: String { said.text }

    /// Waits until it says something.
    public func says(_ word: String) async throws {
        guard await said.says(word) else { throw Failure(description: "it ended: \(text)") }
    }

    /// A port of loopback that nobody uses now.
    public static func freePort() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let code = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 ? getsockname(descriptor, $0, &length) : -1
            }
        }
        guard code == 0 else { throw Failure(description: "no port is free") }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}
