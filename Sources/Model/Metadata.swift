public import Foundation

/// What every document says about itself.
public struct Metadata: Hashable, Sendable, Codable {
    /// The name people use: `[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?`.
    public var name: String
    /// The identity that a rename keeps; the name when left out. For a `Fleet` it is a UUID and required.
    public var id: String?
    /// libvirt's UUID of the domain or pool that is adopted; nil for one that is made. Of what was observed, the status tells.
    public var uuid: UUID?
    /// Words for selecting.
    public var labels: [String: String]

    /// What a document says about itself.
    public init(name: String, id: String? = nil, uuid: UUID? = nil, labels: [String: String] = [:]) {
        self.name = name
        self.id = id
        self.uuid = uuid
        self.labels = labels
    }

    /// `id`, else the name.
    public var identity: String { id ?? name }
}

/// A name as every kind accepts it.
public enum Name {
    /// What a name may look like, for error texts.
    public static let acceptedForm = "lower-case letters, digits and inner hyphens, at most 63 characters"
    /// The same as a regular expression, for the JSON Schema.
    public static let pattern = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"

    /// Whether the text is a name.
    public static func isValid(_ text: String) -> Bool {
        let bytes = text.utf8
        guard let first = bytes.first, let last = bytes.last, bytes.count <= 63 else { return false }
        let hyphen = UInt8(ascii: "-")
        return first != hyphen && last != hyphen
            && bytes.allSatisfy {
                ($0 >= 0x61 && $0 <= 0x7a) || ($0 >= 0x30 && $0 <= 0x39) || $0 == hyphen
            }
    }
}
