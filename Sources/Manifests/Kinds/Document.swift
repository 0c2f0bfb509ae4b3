import Model

/// What all documents share: the envelope of version, kind and metadata.
enum Document {
    static let version = "infra/v1"

    /// The table of a whole document of some kind.
    static func grammar<Root: Sendable>(
        _ kind: ResourceKind, _ title: String, _ initial: Root, _ fields: [Field<Root>],
        rule: (@Sendable (inout Root, Decoding, Int) -> Void)? = nil
    ) -> Record<Root> {
        Record(
            title, initial,
            [
                .constant("apiVersion", version, "The version of this grammar.", required: true),
                .constant("kind", kind.rawValue, "What the document declares.", required: true),
            ] + fields, rule: rule)
    }

    /// A written document, with its envelope.
    static func write<Root: Sendable>(_ kind: ResourceKind, _ root: Root, _ grammar: Record<Root>) -> JSONValue {
        .object(
            [
                JSONValue.Member("apiVersion", .string(version)), JSONValue.Member("kind", .string(kind.rawValue)),
            ] + (grammar.write(root).members ?? []))
    }
}
