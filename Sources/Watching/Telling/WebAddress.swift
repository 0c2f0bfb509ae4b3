import Foundation

/// Why an address is not one that we tell.
public struct WebAddressError: Error, Hashable, Sendable, CustomStringConvertible {
    /// One sentence without a full stop. It does not repeat the address, which may hold a secret.
    public let description: String
}

/// An address that is told something: https, or http on this machine.
public struct WebAddress: Hashable, Sendable {
    /// The whole address.
    let text: String
    /// Its host, for messages. The rest of an address may be a secret.
    public let host: String

    /// Checks an address.
    public init(_ text: String) throws(WebAddressError) {
        guard text.utf8.count <= 2048, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != 0x22 && $0 != 0x5c })
        else {
            throw WebAddressError(description: "an address has printable characters of ASCII only, 2048 at most")
        }
        guard let parts = URLComponents(string: text), let host = parts.host, !host.isEmpty else {
            throw WebAddressError(description: "an address has the form https://host/path")
        }
        guard parts.user == nil, parts.password == nil, parts.fragment == nil else {
            throw WebAddressError(description: "an address holds no user, password or fragment")
        }
        let isHere = ["localhost", "127.0.0.1", "::1", "[::1]"].contains(host.lowercased())
        guard parts.scheme == "https" || (parts.scheme == "http" && isHere) else {
            throw WebAddressError(description: "only https is told, and http on this machine")
        }
        self.text = text
        self.host = host
    }

    /// An address below this one. Each part is encoded.
    func appending(_ parts: [String]) -> WebAddress {
        var unreserved = CharacterSet(charactersIn: "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
        unreserved.insert(charactersIn: "0123456789-._~")
        let path = parts.map { $0.addingPercentEncoding(withAllowedCharacters: unreserved) ?? "" }
        let base = text.hasSuffix("/") ? String(text.dropLast()) : text
        return WebAddress(text: ([base] + path).joined(separator: "/"), host: host)
    }

    private init(text: String, host: String) {
        self.text = text
        self.host = host
    }
}
