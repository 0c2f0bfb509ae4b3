import FlyingSocks
import Foundation

/// A stream socket that carries one JSON object a line (unix(7)).
struct LineSocket: Sendable {
    /// The most that a line may hold: a whole fleet's manifests.
    static let limit = 96 << 20
    /// The most that any other request holds.
    static let shortLimit = 64 << 10

    /// The line goes on; what was read of it is kept for the next try.
    struct TooLong: Error {}

    private let socket: AsyncSocket
    private let pool: SocketPool<ePoll>?
    private let patience: Duration?
    private let buffer = LineBuffer()

    /// A client of ours.
    /// - Parameter patience: How long it may take for each line that it is sent.
    init(_ file: Int32, pool: SocketPool<ePoll>, patience: Duration) throws {
        socket = try AsyncSocket(socket: Socket(file: Socket.FileDescriptor(rawValue: file)), pool: pool)
        self.pool = pool
        self.patience = patience
    }

    private init(_ socket: AsyncSocket) {
        self.socket = socket
        pool = nil
        patience = nil
    }

    /// Connects to a socket on this machine.
    static func connect(_ path: String) async throws -> LineSocket {
        let socket = try await AsyncSocket.connected(to: .unix(path: path), timeout: 5)
        _ = fcntl(socket.socket.file.rawValue, F_SETFD, FD_CLOEXEC)
        return LineSocket(socket)
    }

    /// The next object; nil at the end of the stream.
    /// - Throws: `TooLong` for a line of more bytes.
    func read<Value: Decodable>(_ type: Value.Type, atMost limit: Int = limit) async throws -> Value? {
        while true {
            if let line = await buffer.take() { return try JSONDecoder().decode(type, from: line) }
            guard await buffer.count <= limit else { throw TooLong() }
            let bytes: [UInt8]
            do {
                bytes = try await socket.read(atMost: 4096)
            } catch SocketError.disconnected {
                // Told by the pool as soon as the other side is gone; what it said before is still there.
                guard let rest = try? socket.socket.read(atMost: 4096) else { return nil }
                bytes = rest
            }
            guard !bytes.isEmpty else { return nil }
            await buffer.add(bytes)
        }
    }

    /// Returns when the other side has ended. What it says until then is not wanted.
    func waitForEnd() async {
        while let bytes = try? await socket.read(atMost: 4096), !bytes.isEmpty {}
    }

    /// Sends an object.
    func write(_ value: some Encodable) async throws {
        let data = try Self.line(value)
        try await within(patience) { try await socket.write(data) }
    }

    /// Ends the connection unless the body ends first.
    func within<Value>(_ limit: Duration?, _ body: () async throws -> Value) async throws -> Value {
        guard let limit else { return try await body() }
        let watch = Task {
            guard (try? await Task.sleep(for: limit)) != nil else { return }
            end()
        }
        let result: Result<Value, any Error>
        do { result = .success(try await body()) } catch { result = .failure(error) }
        // The descriptor is still ours as long as the watch may use it.
        watch.cancel()
        await watch.value
        return try result.get()
    }

    /// Ends the connection: whoever reads or writes finds its end.
    func end() { shutdown(socket.socket.file.rawValue, Int32(SHUT_RDWR)) }

    /// Gives the descriptor back. Nobody may read or write any more.
    func close() async {
        await pool?.settle()
        try? socket.close()
    }

    /// Says one thing to somebody who is not listened to, and leaves a moment to hear it.
    func turnAway(_ value: some Encodable) async {
        try? await within(.seconds(1)) {
            try await socket.write(try Self.line(value))
            shutdown(socket.socket.file.rawValue, Int32(SHUT_WR))
            await waitForEnd()
        }
    }

    private static func line(_ value: some Encodable) throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var data = try encoder.encode(value)
        data.append(UInt8(ascii: "\n"))
        return data
    }
}

/// What was read and is no whole line yet.
private actor LineBuffer {
    private var bytes = Data()
    private var searched = 0

    var count: Int { bytes.count }

    func add(_ more: [UInt8]) { bytes.append(contentsOf: more) }

    func take() -> Data? {
        guard let end = bytes[(bytes.startIndex + searched)...].firstIndex(of: UInt8(ascii: "\n")) else {
            searched = bytes.count
            return nil
        }
        let line = bytes[..<end]
        bytes = Data(bytes[(end + 1)...])
        searched = 0
        return line
    }
}
