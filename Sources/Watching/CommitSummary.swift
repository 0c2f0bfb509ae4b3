public import Foundation

/// A commit as people know it.
public struct CommitSummary: Hashable, Sendable, Codable {
    /// The object id, 40 hexadecimal digits.
    public var id: String
    /// The id of its tree: equal trees are equal fleets.
    public var tree: String
    /// `Name <address>`.
    public var author: String
    /// The first line of its message.
    public var subject: String
    /// When it was committed.
    public var time: Date
    /// Whose signature was found good; nil when none was asked for or none is there.
    public var signer: String?
    /// The name of the fleet that it declares; nil when that was not read.
    public var fleet: String?

    /// A commit.
    public init(
        id: String, tree: String, author: String, subject: String, time: Date, signer: String? = nil,
        fleet: String? = nil
    ) {
        self.id = id
        self.tree = tree
        self.author = author
        self.subject = subject
        self.time = time
        self.signer = signer
        self.fleet = fleet
    }

    /// The first ten digits, as in messages.
    public var short: String { String(id.prefix(10)) }
}
