/// Where an image is fetched from: http or https, a host and a path; no user, no password, no fragment. Of RFC 3986 it
/// takes what cannot be read in two ways: only ASCII, and no number as a host but an address written in full.
public struct ImageURL: Hashable, Sendable {
    /// The most bytes of one.
    public static let limit = 2048

    /// The whole.
    public let text: String
    /// Whether it is https.
    public let isEncrypted: Bool
    /// The host in lower case, an IPv6 address without its brackets.
    public let host: String
    /// The port, that of the scheme where none is written.
    public let port: Int
    /// The host, where it is an address and no name.
    public let address: IPAddress?
    /// The whole without its query, which may hold a token, for messages.
    public let shown: String

    /// Reads one; nil for anything else.
    public init?(_ text: String) {
        guard text.utf8.count <= Self.limit else { return nil }
        let scheme = text.hasPrefix("https://") ? "https://" : "http://"
        guard text.hasPrefix(scheme) else { return nil }
        let rest = text.dropFirst(scheme.count)
        let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        let tail = rest[end...]
        let path = tail.prefix { $0 != "?" }
        guard let (host, port) = Self.authority(rest[..<end]), Self.isPlain(path, besides: "/"),
            Self.isPlain(tail.dropFirst(path.count + 1), besides: "/?")
        else { return nil }
        let isEncrypted = scheme == "https://"
        let address = IPAddress(String(host))
        guard address != nil || Self.isName(host) else { return nil }
        self.text = text
        self.isEncrypted = isEncrypted
        self.host = host.lowercased()
        self.port = port ?? (isEncrypted ? 443 : 80)
        self.address = address
        shown = String(text.prefix { $0 != "?" }) + (tail.contains("?") ? "?…" : "")
    }

    /// Host and port; nil for what has another form. An IPv6 address stands in brackets, and nothing else does.
    private static func authority(_ text: Substring) -> (host: Substring, port: Int?)? {
        guard text.first == "[" else {
            let parts = text.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count <= 2 else { return nil }
            guard parts.count == 2 else { return (text, nil) }
            return Self.port(parts[1]).map { (parts[0], $0) }
        }
        guard let end = text.firstIndex(of: "]") else { return nil }
        let host = text[text.index(after: text.startIndex)..<end]
        let rest = text[text.index(after: end)...]
        guard host.contains(":") else { return nil }
        guard rest.first == ":" else { return rest.isEmpty ? (host, nil) : nil }
        return Self.port(rest.dropFirst()).map { (host, $0) }
    }

    private static func port(_ text: Substring) -> Int? {
        guard (1...5).contains(text.utf8.count), text.utf8.first != UInt8(ascii: "0"), text.utf8.allSatisfy(isDigit),
            let value = Int(text), value <= 65535
        else { return nil }
        return value
    }

    /// Labels with dots between them. The last one begins with a letter, as all names in DNS do: what resolvers take for an
    /// address in octal, in hexadecimal or with parts left out is no name.
    private static func isName(_ text: Substring) -> Bool {
        guard text.utf8.count <= 253 else { return false }
        let labels = text.split(separator: ".", omittingEmptySubsequences: false)
        return labels.allSatisfy { label in
            (1...63).contains(label.utf8.count) && label.utf8.first != hyphen && label.utf8.last != hyphen
                && label.utf8.allSatisfy { isLetter($0) || isDigit($0) || $0 == hyphen }
        } && labels.last?.utf8.first.map(isLetter) == true
    }

    private static let hyphen = UInt8(ascii: "-")
    private static let plain = Set("._~!$&'()*+,;=:@-".utf8)

    /// Whether all of it is unreserved or a delimiter of RFC 3986, or a byte in percent notation.
    private static func isPlain(_ text: Substring, besides more: String) -> Bool {
        var bytes = text.utf8[...]
        let others = plain.union(more.utf8)
        while let byte = bytes.popFirst() {
            if byte == UInt8(ascii: "%") {
                guard let high = bytes.popFirst(), let low = bytes.popFirst(), isHexDigit(high), isHexDigit(low) else {
                    return false
                }
            } else if !isLetter(byte) && !isDigit(byte) && !others.contains(byte) {
                return false
            }
        }
        return true
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
    }
}
