import FlyingSocks
import Foundation

/// One client: one request, one answer, and the end.
struct WebClient: Sendable {
    /// How much of what nobody wants is read before the end, so that the answer arrives (RFC 9112, 9.6).
    private static let drainLimit = 4 << 20

    let socket: Socket
    let pool: SocketPool<ePoll>
    let routes: WebRoutes
    let patience: Duration

    /// Sends a client away that is one too many.
    func turnAway() {
        _ = try? socket.write(WebResponse(.unavailable, fields: ["Retry-After: 1"]).bytes(headOnly: false))
        try? socket.close()
    }

    /// Serves. Whatever the client does, this ends soon after its time.
    func serve() async {
        // Shut down, not cancelled: whoever waits for the socket then finds its end.
        let file = socket.file.rawValue
        let watch = Task {
            guard (try? await Task.sleep(for: patience)) != nil else { return }
            // Whoever is slow with the request is told so; the answer needs a moment.
            shutdown(file, Int32(SHUT_RD))
            guard (try? await Task.sleep(for: .seconds(2))) != nil else { return }
            shutdown(file, Int32(SHUT_RDWR))
        }
        await withTaskCancellationHandler {
            await exchange()
        } onCancel: {
            shutdown(file, Int32(SHUT_RDWR))
        }
        watch.cancel()
        await watch.value
        await pool.settle()
        try? socket.close()
    }

    private func exchange() async {
        guard let socket = try? AsyncSocket(socket: socket, pool: pool) else { return }
        var reader = WebReader(socket: socket)
        var request: WebRequest?
        let response: WebResponse
        do throws(WebStatus) {
            guard let head = try await reader.head() else { return }
            let read = try WebRequest(head)
            request = read
            try routes.admit(read)
            let length = read.length ?? 0
            if length > reader.buffered, read.fields["expect"]?.lowercased() == "100-continue" {
                try? await socket.write(Data("HTTP/1.1 100 Continue\r\n\r\n".utf8))
            }
            response = await routes.answer(read, body: try await reader.body(length))
        } catch {
            response = routes.refusal(error, of: request)
        }
        guard (try? await socket.write(response.bytes(headOnly: request?.method == "HEAD"))) != nil else { return }
        shutdown(socket.socket.file.rawValue, Int32(SHUT_WR))
        await reader.drain(Self.drainLimit)
    }
}

/// Reads a request from a socket, within its limits.
struct WebReader {
    private let socket: AsyncSocket
    private var bytes: [UInt8] = []

    init(socket: AsyncSocket) { self.socket = socket }

    /// Bytes that have come and were not used yet.
    var buffered: Int { bytes.count }

    /// The head without its empty line; nil for a client that leaves without a word.
    mutating func head() async throws(WebStatus) -> [UInt8]? {
        var searched = 0
        while true {
            if let end = Self.end(of: bytes, from: max(0, searched - 3)) {
                guard end <= WebRequest.headLimit else { throw .fieldsTooLarge }
                let head = Array(bytes[..<end])
                bytes.removeFirst(end + 4)
                return head
            }
            searched = bytes.count
            guard searched <= WebRequest.headLimit else { throw .fieldsTooLarge }
            guard let more = try? await socket.read(atMost: 4096) else {
                if bytes.isEmpty { return nil }
                throw .timeout
            }
            bytes += more
        }
    }

    /// A body of that many bytes.
    mutating func body(_ length: Int) async throws(WebStatus) -> Data {
        while bytes.count < length {
            guard let more = try? await socket.read(atMost: 4096) else { throw .timeout }
            bytes += more
        }
        return Data(bytes.prefix(length))
    }

    /// Reads on until the client has nothing more to say.
    mutating func drain(_ limit: Int) async {
        var left = limit
        while left > 0, let more = try? await socket.read(atMost: 4096) { left -= more.count }
    }

    private static func end(of bytes: [UInt8], from start: Int) -> Int? {
        guard bytes.count >= 4 else { return nil }
        for index in start...(bytes.count - 4) where bytes[index] == 0x0d {
            if bytes[index + 1] == 0x0a, bytes[index + 2] == 0x0d, bytes[index + 3] == 0x0a { return index }
        }
        return nil
    }
}
