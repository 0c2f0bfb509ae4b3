import Model

/// The one table of a mapping with known fields. Reading, writing, the schema and the walk over all fields use it.
struct Record<Root: Sendable>: Sendable {
    /// What it describes, with an article: `a disk`.
    let title: String
    /// The value before any field is read. Required fields hold placeholders in it.
    let initial: Root
    let fields: [Field<Root>]
    /// Names of later versions, told apart from mistakes.
    let reserved: [String]
    /// What JSON Schema can say of how the fields go together: more keywords of the mapping.
    let together: [(String, JSONValue)]
    /// Looks at the whole, once its fields are read without a mistake.
    let rule: (@Sendable (inout Root, Decoding, Int) -> Void)?
    /// Names and readers of the fields once more, since copying a whole field for each value takes its time.
    private let names: [[UInt8]]
    private let readers: [@Sendable (Decoding, Int, inout Root) -> Void]
    private let placed: UInt64

    init(
        _ title: String, _ initial: Root, _ fields: [Field<Root>], reserved: [String] = [],
        together: [(String, JSONValue)] = [], rule: (@Sendable (inout Root, Decoding, Int) -> Void)? = nil
    ) {
        self.title = title
        self.initial = initial
        self.fields = fields
        self.reserved = reserved
        self.together = together
        self.rule = rule
        names = fields.map { Array($0.name.utf8) }
        readers = fields.map(\.read)
        placed = fields.enumerated().reduce(0) { $1.element.stage == .placed ? $0 | 1 << UInt64($1.offset) : $0 }
    }

    /// Reads a mapping into a value; what is wrong is reported and leaves its field as it was.
    func read(_ decoding: Decoding, _ node: Int, into root: inout Root) {
        guard decoding.tree.kind(node) == .mapping else {
            decoding.mismatch(node, title, accepted: "write a mapping with \(Wording.alternatives(accepted(decoding)))")
            return
        }
        let before = decoding.findings.errors
        var seen: UInt64 = 0
        var hint = 0
        var hasReserved = false
        let end = decoding.tree.end(node)
        var key = node + 1
        while key < end {
            let value = decoding.tree.end(key)
            if let index = index(of: key, decoding.tree, from: hint) {
                hint = index + 1
                let bit: UInt64 = 1 << UInt64(index)
                if seen & bit != 0 {
                    decoding.duplicateKey(key)
                } else if placed & bit != 0, decoding.mode == .manifest {
                    decoding.fail(
                        key, "not-yours", "\(fields[index].name) is filled in by infra",
                        help: "leave it out of a manifest")
                } else {
                    readers[index](decoding, value, &root)
                }
                seen |= bit
            } else if decoding.isKey(key) {
                hasReserved = reportUnknown(key, decoding) || hasReserved
            }
            key = decoding.tree.end(value)
        }
        // A field of a later version may stand for one that would be missing in this one.
        if !hasReserved { reportMissing(node, seen, decoding) }
        if decoding.findings.errors == before { rule?(&root, decoding, node) }
    }

    /// The value as a mapping, fields at their defaults left out.
    func write(_ root: Root) -> JSONValue {
        .object(fields.compactMap { field in field.write(root).map { JSONValue.Member(field.name, $0) } })
    }

    /// Values that differ in one declared field, with the field's path below this record.
    func vary(_ root: Root) -> [Form<Root>.Variant] {
        fields.filter { $0.stage == .declared }.flatMap { field in
            field.vary(root).map { (".\(field.name)\($0.path)", $0.value) }
        }
    }

    /// The record as the form of a field.
    var form: Form<Root> {
        Form(
            schema: { schema },
            read: { decoding, node in
                let before = decoding.findings.errors
                var root = initial
                read(decoding, node, into: &root)
                return decoding.findings.errors == before && decoding.tree.kind(node) == .mapping ? root : nil
            },
            write: { write($0) }, vary: { vary($0) })
    }

    /// JSON Schema of what a manifest may say.
    var schema: JSONValue {
        let declared = fields.filter { $0.stage == .declared }
        let properties = declared.map { field in
            var members = [JSONValue.Member("description", .string(field.documentation))]
            members += field.schema().members ?? []
            if let value = field.defaultValue?() { members.append(JSONValue.Member("default", value)) }
            return JSONValue.Member(field.name, .object(members))
        }
        let required = declared.filter(\.isRequired).map { JSONValue.string($0.name) }
        return .members(
            [("type", .string("object")), ("properties", .object(properties))]
                + (required.isEmpty ? [] : [("required", .array(required))])
                + together + [("additionalProperties", .bool(false))])
    }

    /// Fields mostly come in the order of the table, so the search begins after the one found last.
    private func index(of key: Int, _ tree: YAMLTree, from hint: Int) -> Int? {
        guard tree.isScalar(key) else { return nil }
        for offset in 0..<names.count {
            let index = hint + offset < names.count ? hint + offset : hint + offset - names.count
            if tree.equals(key, names[index]) { return index }
        }
        return nil
    }

    private func accepted(_ decoding: Decoding) -> [String] {
        fields.filter { $0.stage == .declared || decoding.mode == .inventory }.map(\.name)
    }

    /// Returns whether the field is one of a later version.
    private func reportUnknown(_ key: Int, _ decoding: Decoding) -> Bool {
        let name = decoding.tree.string(key)
        if reserved.contains(name) {
            decoding.fail(key, "unsupported", "\(name) is not in this version", help: "leave it out")
            return true
        }
        decoding.fail(
            key, "unknown-field", "\(title) has no field \(Wording.quoted(name))", help: suggestion(name, decoding))
        return false
    }

    private func suggestion(_ name: String, _ decoding: Decoding) -> String {
        let names = accepted(decoding)
        let guess = Spelling.nearest(to: name, in: names).map { "did you mean \($0)? " } ?? ""
        return "\(guess)it has \(Wording.alternatives(names, limit: 20))"
    }

    private func reportMissing(_ node: Int, _ seen: UInt64, _ decoding: Decoding) {
        for (index, field) in fields.enumerated() where seen & 1 << UInt64(index) == 0 {
            guard decoding.mode == .manifest ? field.isRequired : field.isRequiredInInventory else { continue }
            decoding.fail(
                node, "missing-field", "\(title) needs \(field.name)", help: "write \(field.name): \(field.reminder)")
        }
    }
}
