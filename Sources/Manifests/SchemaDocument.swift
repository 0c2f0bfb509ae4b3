public import Model

/// JSON Schema (draft 2020-12) of the manifests, for editors. It comes from the tables that read them.
public enum SchemaDocument {
    /// The schema of documents of one kind, or of any kind.
    public static func json(for kind: ResourceKind?) -> String {
        var members: [(String, JSONValue)] = [
            ("$schema", .string("https://json-schema.org/draft/2020-12/schema")),
            ("title", .string("\(Document.version) \(kind?.rawValue ?? "resource")")),
        ]
        if let kind {
            members += (schema(of: kind).members ?? []).map { ($0.key, $0.value) }
        } else {
            let names = ResourceKind.allCases
            // By kind, and not one of many: so a validator tells what is wrong with the kind that was meant.
            members += [
                ("type", .string("object")),
                ("properties", envelope(names)),
                ("required", .array([.string("apiVersion"), .string("kind")])),
                ("allOf", .array(names.map(choice))),
                ("$defs", .members(names.map { ($0.rawValue, schema(of: $0)) })),
            ]
        }
        var text = ""
        append(.members(members), indent: 0, to: &text)
        return text + "\n"
    }

    /// The file name under which the schema is shipped.
    public static func fileName(for kind: ResourceKind?) -> String {
        kind.map { "infra-v1.\($0.rawValue).schema.json" } ?? "infra-v1.schema.json"
    }

    private static func envelope(_ kinds: [ResourceKind]) -> JSONValue {
        .members([
            (
                "apiVersion",
                .members([
                    ("description", .string("The version of this grammar.")), ("const", .string(Document.version)),
                ])
            ),
            (
                "kind",
                .members([
                    ("description", .string("What the document declares.")),
                    ("enum", .array(kinds.map { .string($0.rawValue) })),
                ])
            ),
        ])
    }

    private static func choice(_ kind: ResourceKind) -> JSONValue {
        let isKind = JSONValue.members([
            ("properties", .members([("kind", .members([("const", .string(kind.rawValue))]))])),
            ("required", .array([.string("kind")])),
        ])
        return .members([("if", isKind), ("then", .members([("$ref", .string("#/$defs/\(kind.rawValue)"))]))])
    }

    private static func schema(of kind: ResourceKind) -> JSONValue {
        switch kind {
        case .fleet: Fleet.grammar.schema
        case .host: KVMHost.grammar.schema
        case .storagePool: StoragePool.grammar.schema
        case .image: Image.grammar.schema
        case .volume: Volume.grammar.schema
        case .network: Network.grammar.schema
        case .virtualMachine: VirtualMachine.grammar.schema
        case .snapshot: Snapshot.grammar.schema
        }
    }

    private static func append(_ value: JSONValue, indent: Int, to text: inout String) {
        let inner = String(repeating: " ", count: indent + 2)
        let outer = String(repeating: " ", count: indent)
        switch value {
        case .object(let members) where !members.isEmpty:
            text += "{\n"
            for (index, member) in members.enumerated() {
                text += "\(inner)\(JSONValue.quoted(member.key)): "
                append(member.value, indent: indent + 2, to: &text)
                text += index + 1 < members.count ? ",\n" : "\n"
            }
            text += outer + "}"
        case .array(let items) where items.contains { $0.members != nil }:
            text += "[\n"
            for (index, item) in items.enumerated() {
                text += inner
                append(item, indent: indent + 2, to: &text)
                text += index + 1 < items.count ? ",\n" : "\n"
            }
            text += outer + "]"
        default: text += value.jsonText
        }
    }
}
