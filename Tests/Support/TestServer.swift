import Foundation
import Synchronization

/// A program that runs beside a test and ends with it.
public final class TestServer: @unchecked Sendable {
    /// It ended, or could not be prepared.
    public struct Failure: Error, CustomStringConvertible {
        /// What it said.
        public let description: String
    }

    private let process = Process()
    private let isDeaf: Bool
    private let state = Mutex((text: "", waiting: [(String, CheckedContinuation<Bool, Never>)](), ended: false))

    /// Starts it; both of its outputs are read all the time.
    ///
    /// - Parameter isDeaf: whether it does not end when it is asked to.
    public init(_ program: String, _ arguments: [String], isDeaf: Bool = false) throws {
        self.isDeaf = isDeaf
        process.executableURL = URL(filePath: program)
        process.arguments = arguments
        process.environment = ["PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"]
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        process.standardInput = FileHandle.nullDevice
        try process.run()
        try pipe.fileHandleForWriting.close()
        Thread.detachNewThread { [weak self] in
            while case let data = pipe.fileHandleForReading.availableData, !data.isEmpty {
                self?.said(String(decoding: data, as: UTF8.self))
            }
            self?.said(nil)
        }
    }

    deinit { end() }

    /// Runs a program to its end. What it says goes nowhere: a pipe would stay open in whatever server is started at the
    /// same moment. Only for tests that run one after the other: Foundation sees the end of a child only when no other
    /// child holds its socket any more.
    ///
    /// - Throws: `Failure` for one that does not end well.
    public static func run(_ program: String, _ arguments: [String], in folder: String = "/") async throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [program] + arguments
        process.currentDirectoryURL = URL(filePath: folder)
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        let (ends, end) = AsyncStream.makeStream(of: Int32.self)
        process.terminationHandler = { end.yield($0.terminationStatus) }
        try process.run()
        guard await ends.first(where: { _ in true }) == 0 else {
            throw Failure(description: "\(program) \(arguments) failed in \(folder)")
        }
    }

    /// Ends it and waits for that.
    public func end() {
        guard process.isRunning else { return }
        if isDeaf { kill(process.processIdentifier, SIGKILL) } else { process.terminate() }
        process.waitUntilExit()
    }

    /// All that it said until now.
    public var text: String { state.withLock(\.text) }

    /// Waits until it says something.
    public func says(_ word: String) async throws {
        let found = await withCheckedContinuation { continuation in
            let answer: Bool? = state.withLock { state in
                if state.text.contains(word) { return true }
                if state.ended { return false }
                state.waiting.append((word, continuation))
                return nil
            }
            if let answer { continuation.resume(returning: answer) }
        }
        guard found else { throw Failure(description: "it ended: \(text)") }
    }

    private func said(_ text: String?) {
        let found = state.withLock { state in
            state.text += text ?? ""
            state.ended = text == nil
            var found: [(CheckedContinuation<Bool, Never>, Bool)] = []
            state.waiting.removeAll { word, continuation in
                let isSaid = state.text.contains(word)
                if isSaid || state.ended { found.append((continuation, isSaid)) }
                return isSaid || state.ended
            }
            return found
        }
        for (continuation, answer) in found { continuation.resume(returning: answer) }
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
