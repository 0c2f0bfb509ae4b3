public import Foundation

/// The name of a commit: the SHA-1 of its content, 40 hexadecimal digits.
public struct GitCommitID: Hashable, Sendable, Codable, CustomStringConvertible {
    /// 40 lowercase hexadecimal digits.
    public let text: String

    /// Nil for anything but 40 hexadecimal digits.
    public init?(_ text: String) {
        guard text.utf8.count == 40, text.utf8.allSatisfy({ (48...57).contains($0) || (97...102).contains($0 | 0x20) })
        else { return nil }
        self.text = text.lowercased()
    }

    /// All 40 digits.
    public var description: String { text }

    /// The first ten digits, for people.
    public var short: String { String(text.prefix(10)) }

    /// Reads the 40 digits.
    public init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let id = GitCommitID(text) else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "not the 40 digits of a commit"))
        }
        self = id
    }

    /// Writes the 40 digits.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

/// What a commit says of itself. Its texts come from whoever wrote it: `TerminalText.safe` before they are printed.
public struct GitCommit: Hashable, Sendable, Codable {
    /// Its name.
    public let id: GitCommitID
    /// The name of its tree, 40 hexadecimal digits. Equal trees hold equal files.
    public let tree: String
    /// What came before it; none for a root, two or more for a merge.
    public let parents: [GitCommitID]
    /// Who wrote the change; not proven by anything but a signature.
    public let author: Person
    /// Who made the commit.
    public let committer: Person
    /// When it was made, by the committer's clock.
    public let time: Date
    /// The message, cut after 4 KiB.
    public let message: String

    /// A name and an address.
    public struct Person: Hashable, Sendable, Codable {
        /// The name.
        public let name: String
        /// The electronic mail address.
        public let email: String

        /// A name and an address.
        public init(name: String, email: String) {
            self.name = name
            self.email = email
        }
    }

    /// The message's first line.
    public var summary: String { String(message.prefix { !$0.isNewline }) }

    /// A commit.
    public init(
        id: GitCommitID, tree: String, parents: [GitCommitID], author: Person, committer: Person, time: Date,
        message: String
    ) {
        self.id = id
        self.tree = tree
        self.parents = parents
        self.author = author
        self.committer = committer
        self.time = time
        self.message = message
    }
}

/// A manifest file of a commit.
public struct GitFile: Hashable, Sendable {
    /// Relative to the folder that was read.
    public let path: String
    /// What it holds.
    public let bytes: [UInt8]

    /// A file.
    public init(path: String, bytes: [UInt8]) {
        self.path = path
        self.bytes = bytes
    }
}

/// How one commit stands to another.
public enum GitRelation: String, Hashable, Sendable, Codable {
    /// They are one.
    case same
    /// The first is an ancestor of the second: going there is going forward.
    case ancestor
    /// The first is a descendant of the second: going there is going back.
    case descendant
    /// They have a common ancestor, and each something that the other has not: a force push.
    case diverged
    /// They have nothing in common.
    case unrelated
}
