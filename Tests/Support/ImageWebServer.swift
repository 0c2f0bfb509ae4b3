import Foundation

/// A server of images on an address of this machine (`Servers/images`). It is no loopback address: nothing is fetched from
/// one.
public final class ImageWebServer: Sendable {
    private let server: TestServer
    private let port: Int
    private let address: String
    private static let program = Lab.repository.appending(path: "Tests/Support/Servers/images").path

    /// Serves a folder until it is ended.
    public init(_ address: String, folder: String) async throws {
        self.address = address
        port = try TestServer.freePort()
        server = try TestServer("/usr/bin/python3", [Self.program, address, "\(port)", folder])
        try await server.says("ready")
    }

    /// Where something is: `fine/tiny.qcow2`.
    public func url(_ path: String) -> String { "http://\(address):\(port)/\(path)" }

    /// The ranges that were asked for of a path, in order; `all` for the whole.
    public func ranges(_ path: String) -> [String] {
        server.text.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            return words.count == 3 && words[1] == "/\(path)" ? String(words[2]) : nil
        }
    }

    /// Ends it.
    public func end() async { await server.end() }
}
