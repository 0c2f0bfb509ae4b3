import FlyingSocks
import Foundation

/// A stream socket that carries one JSON object a line (unix(7)).
struct LineSocket: Sendable {
    /// The most that a line may hold: a whole fleet's manifests.
    static let limit = 96 << 20

    private let socket: AsyncSocket
    private let buffer = LineBuffer()

    init(_ socket: AsyncSocket) { self.socket = socket }

    /// Connects to a socket on this machine.
    static func connect(_ path: String) async throws -> LineSocket {
        LineSocket(try await AsyncSocket.connected(to: .unix(path: path), timeout: 5))
    }

    /// The next object; nil at the end of the stream.
    func read<Value: Decodable>(_ type: Value.Type) async throws -> Value? {
        while true {
            if let line = await buffer.take() {
                return try JSONDecoder().decode(type, from: line)
            }
            let bytes: [UInt8]
            do {
                bytes = try await socket.read(atMost: 4096)
            } catch SocketError.disconnected {
                return nil
            }
            guard !bytes.isEmpty else { return nil }
            try await buffer.add(bytes)
        }
    }

    /// Sends an object.
    func write(_ value: some Encodable) async throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var data = try encoder.encode(value)
        data.append(UInt8(ascii: "\n"))
        try await socket.write(data)
    }

    func close() { try? socket.close() }
}

/// What was read and is no whole line yet.
private actor LineBuffer {
    struct TooLong: Error {}

    private var bytes = Data()
    private var searched = 0

    func add(_ more: [UInt8]) throws {
        guard bytes.count + more.count <= LineSocket.limit else { throw TooLong() }
        bytes.append(contentsOf: more)
    }

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
