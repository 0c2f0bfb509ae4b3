import Foundation
import Model

/// Where a repository is: `https://host/path`, `ssh://user@host/path` or `file:///path`, and nothing else. A plain
/// absolute path means a file. No part of it can be taken for an option, and none is a credential.
public struct GitLocation: Hashable, Sendable, CustomStringConvertible {
    /// How it is reached.
    public enum Scheme: String, Hashable, Sendable {
        /// HTTP over TLS.
        case https
        /// `git-upload-pack` by ssh.
        case ssh
        /// A folder of this machine.
        case file
    }

    /// How it is reached.
    public let scheme: Scheme
    /// The user's name on the server; ssh only.
    public let user: String?
    /// The server, lowercase, an IPv6 address in brackets; empty for a file.
    public let host: String
    /// The server's port, where it is not the usual one.
    public let port: Int?
    /// The path, from `/`. Of a file as it is on the disk, else as it stands in the URL.
    public let path: String

    /// Reads a location.
    ///
    /// - Throws: `.location` with what would be accepted. The text itself is not repeated: it may hold a password.
    public init(_ text: String) throws(GitError) {
        guard text.utf8.count <= 2048, !text.unicodeScalars.contains(where: Self.isControl) else {
            throw .location("a repository's location has at most 2048 characters, none of them a control character")
        }
        if text.hasPrefix("/") {
            self = try Self.file(text)
            return
        }
        guard let colons = text.range(of: "://") else { throw Self.withoutScheme(text) }
        let rest = String(text[colons.upperBound...])
        switch text[..<colons.lowerBound].lowercased() {
        case "file": self = try Self.file(url: rest)
        case "https": self = try Self.remote(.https, rest)
        case "ssh": self = try Self.remote(.ssh, rest)
        case "http":
            throw .location("http:// is not encrypted, and what it brings could be anybody's; write https://host/path")
        default: throw .location("a repository's location is https://host/path, ssh://user@host/path or file:///path")
        }
    }

    /// The URL. It holds no credential.
    public var description: String {
        switch scheme {
        case .file:
            "file://" + (path.addingPercentEncoding(withAllowedCharacters: Self.plainInFile) ?? path)
        case .https, .ssh:
            "\(scheme.rawValue)://\(user.map { $0 + "@" } ?? "")\(host)\(port.map { ":\($0)" } ?? "")\(path)"
        }
    }

    private init(scheme: Scheme, user: String?, host: String, port: Int?, path: String) {
        self.scheme = scheme
        self.user = user
        self.host = host
        self.port = port
        self.path = path
    }

    private static let plainInFile = CharacterSet(
        charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/+=,")
    private static let letters = CharacterSet(
        charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned, .privateUse: true
        default: false
        }
    }

    private static func withoutScheme(_ text: String) -> GitError {
        if text.contains("::") {
            return .location(
                "remote helpers (name::address) run programs and are not accepted; write https://, ssh:// or file:///")
        }
        if !text.hasPrefix("-"), text.contains(":") {
            return .location("user@host:path is not accepted; write ssh://user@host/path")
        }
        return .location(
            "a repository's location is https://host/path, ssh://user@host/path, file:///path or an absolute path")
    }

    private static func file(url rest: String) throws(GitError) -> GitLocation {
        guard rest.hasPrefix("/") else {
            throw .location("a file's location names no host and has three slashes: file:///srv/git/fleet.git")
        }
        guard let path = rest.removingPercentEncoding, !path.unicodeScalars.contains(where: isControl) else {
            throw .location("file:/// is followed by a path in which % and two hexadecimal digits mean one byte")
        }
        return try file(path)
    }

    private static func file(_ path: String) throws(GitError) -> GitLocation {
        var path = path
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        guard path.count > 1, !path.split(separator: "/").contains("..") else {
            throw .location("a file's location is an absolute path without `..`")
        }
        return GitLocation(scheme: .file, user: nil, host: "", port: nil, path: path)
    }

    private static func remote(_ scheme: Scheme, _ rest: String) throws(GitError) -> GitLocation {
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        let path = String(rest[slash...])
        var authority = rest[..<slash]
        var user: String?
        if let at = authority.lastIndex(of: "@") {
            guard scheme == .ssh else {
                throw .location(
                    "https:// takes no user or password in the location; the token stands in a file, its user is named apart"
                )
            }
            let name = authority[..<at]
            guard !name.contains(":") else {
                throw .location("ssh:// takes no password in the location; give a key file instead")
            }
            guard name.utf8.count <= 64, isPlain(name, "._-") else {
                throw .location(
                    "the user in ssh://user@host/path has letters, digits, `.`, `_`, `-`, and begins with no `-`")
            }
            user = String(name)
            authority = authority[authority.index(after: at)...]
        }
        let (host, port) = try server(authority)
        guard path.count > 1, isPath(path) else {
            throw .location(
                "a repository's path on a server has letters, digits and any of . _ ~ / + = , @ % -, and does not begin with `-`"
            )
        }
        return GitLocation(scheme: scheme, user: user, host: host, port: port, path: path)
    }

    /// Letters, digits and some more, the first not a `-`.
    private static func isPlain(_ text: Substring, _ more: String) -> Bool {
        !text.isEmpty && !text.hasPrefix("-")
            && text.unicodeScalars.allSatisfy {
                letters.contains($0) || more.unicodeScalars.contains($0)
            }
    }

    private static func isPath(_ path: String) -> Bool {
        isPlain(path[...], "._~/+=,@%-") && !path.hasPrefix("/-") && !path.split(separator: "/").contains("..")
    }

    private static func server(_ authority: Substring) throws(GitError) -> (String, Int?) {
        let refusal = GitError.location(
            "the host of a location is a name, an IPv4 address or an IPv6 address in brackets, with `:port` if need be")
        var host = authority
        var port: Int?
        let afterBracket = authority.lastIndex(of: "]") ?? authority.startIndex
        if let colon = authority[afterBracket...].lastIndex(of: ":") {
            let digits = authority[authority.index(after: colon)...]
            guard let number = Int(digits), digits.allSatisfy(\.isNumber), (1...65_535).contains(number) else {
                throw refusal
            }
            port = number
            host = authority[..<colon]
        }
        if host.hasPrefix("["), host.hasSuffix("]") {
            var address = in6_addr()
            guard inet_pton(AF_INET6, String(host.dropFirst().dropLast()), &address) == 1 else { throw refusal }
        } else {
            guard host.utf8.count <= 253, isPlain(host, ".-"), !host.hasPrefix(".") else { throw refusal }
        }
        return (host.lowercased(), port)
    }
}
