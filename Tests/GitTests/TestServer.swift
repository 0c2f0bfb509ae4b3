import Foundation
import Synchronization
import Testing

/// A program that runs beside a test and ends with it.
final class TestServer: @unchecked Sendable {
    private let process = Process()
    private let isDeaf: Bool
    private let state = Mutex((text: "", waiting: [(String, CheckedContinuation<Bool, Never>)](), ended: false))

    /// Starts it; both of its outputs are read all the time.
    ///
    /// - Parameter isDeaf: whether it does not end when it is asked to.
    init(_ program: String, _ arguments: [String], isDeaf: Bool = false) throws {
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

    /// Ends it and waits for that.
    func end() {
        if isDeaf { kill(process.processIdentifier, SIGKILL) } else { process.terminate() }
        process.waitUntilExit()
    }

    /// All that it said until now.
    var text: String { state.withLock(\.text) }

    /// Waits until it says something.
    func says(_ word: String) async throws {
        let found = await withCheckedContinuation { continuation in
            let answer: Bool? = state.withLock { state in
                if state.text.contains(word) { return true }
                if state.ended { return false }
                state.waiting.append((word, continuation))
                return nil
            }
            if let answer { continuation.resume(returning: answer) }
        }
        try #require(found, "it ended: \(text)")
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
    static func freePort() throws -> Int {
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
        try #require(code == 0)
        return Int(UInt16(bigEndian: address.sin_port))
    }
}
