import Foundation

/// The head of a request, strictly as RFC 9112 writes it. What is ambiguous is refused, not guessed.
struct WebRequest: Hashable, Sendable {
    /// How much a head may hold, in bytes.
    static let headLimit = 16 << 10
    /// How many fields a head may have.
    static let fieldLimit = 64

    var method: String
    var path: String
    /// Values by name in lower case.
    var fields: [String: String]
    /// The length of the body in bytes; nil when none is given.
    var length: Int?

    /// Reads a head, without the empty line behind it.
    init(_ head: some Collection<UInt8>) throws(WebStatus) {
        guard head.allSatisfy({ $0 >= 0x20 && $0 < 0x7f || $0 == 0x0d || $0 == 0x0a || $0 == 0x09 }) else {
            throw .badRequest
        }
        var lines = String(decoding: head, as: UTF8.self).components(separatedBy: "\r\n")
        guard !lines.contains(where: { $0.contains("\n") || $0.contains("\r") }) else { throw .badRequest }
        let words = lines.removeFirst().split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 3, Self.isToken(words[0]), words[1].hasPrefix("/") else { throw .badRequest }
        guard words[2] == "HTTP/1.1" || words[2] == "HTTP/1.0" else { throw .versionNotSupported }
        method = String(words[0])
        path = String(words[1].prefix { $0 != "?" })
        guard lines.count <= Self.fieldLimit else { throw .fieldsTooLarge }
        fields = [:]
        for line in lines {
            guard let colon = line.firstIndex(of: ":"), Self.isToken(line[..<colon]) else { throw .badRequest }
            let name = line[..<colon].lowercased()
            let value = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
            // None of the fields that matter here may be given twice.
            guard fields.updateValue(value, forKey: name) == nil || Self.mayRepeat(name) else { throw .badRequest }
        }
        guard fields["transfer-encoding"] == nil else { throw .notImplemented }
        if let text = fields["content-length"] {
            guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { throw .badRequest }
            // More than fits is more than is taken.
            length = Int(text) ?? .max
        }
    }

    private static func isToken(_ text: some StringProtocol) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
                    || "!#$%&'*+-.^_`|~".utf8.contains(byte)
            }
    }

    private static func mayRepeat(_ name: String) -> Bool {
        ["accept", "accept-encoding", "accept-language", "via", "forwarded", "x-forwarded-for", "cookie"].contains(name)
    }
}

/// What a request is answered with.
struct WebStatus: Error, Hashable, Sendable {
    var code: Int
    var phrase: String

    static let ok = WebStatus(code: 200, phrase: "OK")
    static let accepted = WebStatus(code: 202, phrase: "Accepted")
    static let noContent = WebStatus(code: 204, phrase: "No Content")
    static let badRequest = WebStatus(code: 400, phrase: "Bad Request")
    static let unauthorized = WebStatus(code: 401, phrase: "Unauthorized")
    static let forbidden = WebStatus(code: 403, phrase: "Forbidden")
    static let notFound = WebStatus(code: 404, phrase: "Not Found")
    static let methodNotAllowed = WebStatus(code: 405, phrase: "Method Not Allowed")
    static let timeout = WebStatus(code: 408, phrase: "Request Timeout")
    static let lengthRequired = WebStatus(code: 411, phrase: "Length Required")
    static let tooLarge = WebStatus(code: 413, phrase: "Content Too Large")
    static let unsupportedMedia = WebStatus(code: 415, phrase: "Unsupported Media Type")
    static let misdirected = WebStatus(code: 421, phrase: "Misdirected Request")
    static let fieldsTooLarge = WebStatus(code: 431, phrase: "Request Header Fields Too Large")
    static let notImplemented = WebStatus(code: 501, phrase: "Not Implemented")
    static let unavailable = WebStatus(code: 503, phrase: "Service Unavailable")
    static let versionNotSupported = WebStatus(code: 505, phrase: "HTTP Version Not Supported")
}

/// An answer.
struct WebResponse: Sendable {
    var status: WebStatus
    var type = "text/plain; charset=utf-8"
    var body = Data()
    var fields: [String] = []

    init(_ status: WebStatus, type: String? = nil, body: Data? = nil, fields: [String] = []) {
        self.status = status
        if let type { self.type = type }
        self.body = body ?? (status == .noContent ? Data() : Data("\(status.phrase)\n".utf8))
        self.fields = fields
    }

    /// The answer on the wire. Each connection serves one request: nothing can be smuggled behind it.
    func bytes(headOnly: Bool) -> Data {
        var lines = [
            "HTTP/1.1 \(status.code) \(status.phrase)", "Connection: close", "Cache-Control: no-store",
            "X-Content-Type-Options: nosniff", "X-Frame-Options: DENY", "Referrer-Policy: no-referrer",
            "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        ]
        if status != .noContent { lines += ["Content-Type: \(type)", "Content-Length: \(body.count)"] }
        lines += fields
        let head = Data((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8)
        return headOnly ? head : head + body
    }
}
