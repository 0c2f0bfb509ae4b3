import Model

/// One field of a record: its name, its form, where its value is kept, and what a reader is told about it.
struct Field<Root: Sendable>: Sendable {
    /// Who may write it.
    enum Stage {
        /// A manifest, and an inventory.
        case declared
        /// Only an inventory: placement fills it in.
        case placed
    }

    let name: String
    let documentation: String
    let stage: Stage
    /// Whether a manifest must have it, an inventory too.
    let isRequired: Bool
    let isRequiredInInventory: Bool
    /// What it is when it is left out, if that can be said in a schema.
    let defaultValue: (@Sendable () -> JSONValue)?
    private(set) var schema: @Sendable () -> JSONValue
    private(set) var read: @Sendable (Decoding, Int, inout Root) -> Void
    /// What is written; nil when the field is left out.
    private(set) var write: @Sendable (Root) -> JSONValue?
    private(set) var vary: @Sendable (Root) -> [Form<Root>.Variant]

    private init<Value: Sendable>(
        _ name: String, _ form: Form<Value>, _ documentation: String, stage: Stage = .declared,
        required: Bool = false, requiredInInventory: Bool = false, defaultValue: (@Sendable () -> JSONValue)? = nil,
        set: @escaping @Sendable (inout Root, Value) -> Void, write: @escaping @Sendable (Root) -> JSONValue?,
        vary: @escaping @Sendable (Root) -> [Form<Root>.Variant]
    ) {
        self.name = name
        self.documentation = documentation
        self.stage = stage
        isRequired = required
        isRequiredInInventory = requiredInInventory
        self.defaultValue = defaultValue
        schema = form.schema
        read = { decoding, node, root in
            if let value = form.read(decoding, node) { set(&root, value) }
        }
        self.write = write
        self.vary = vary
    }

    /// The documentation as the end of a sentence.
    var reminder: String {
        let end = documentation.hasSuffix(".") ? documentation.dropLast() : documentation[...]
        return end.prefix(1).lowercased() + end.dropFirst()
    }

    /// A field that is always written.
    static func required<Value: Sendable>(
        _ name: String, _ path: FieldPath<Root, Value>, _ form: Form<Value>, _ documentation: String
    ) -> Field {
        Field(
            name, form, documentation, required: true, requiredInInventory: true,
            set: { $0[keyPath: path] = $1 }, write: { form.write($0[keyPath: path]) },
            vary: { varied($0, path, form) })
    }

    /// A field with a value of its own when it is left out.
    static func defaulted<Value: Sendable & Equatable>(
        _ name: String, _ path: FieldPath<Root, Value>, _ form: Form<Value>, to value: Value,
        _ documentation: String
    ) -> Field {
        Field(
            name, form, documentation, defaultValue: { form.write(value) },
            set: { $0[keyPath: path] = $1 },
            write: { $0[keyPath: path] == value ? nil : form.write($0[keyPath: path]) },
            vary: { varied($0, path, form) })
    }

    /// A field that can be left out. `required` makes a manifest say it all the same.
    static func optional<Value: Sendable>(
        _ name: String, _ path: FieldPath<Root, Value?>, _ form: Form<Value>,
        stage: Stage = .declared, required: Bool = false, sample: Value? = nil, _ documentation: String
    ) -> Field {
        Field(
            name, form, documentation, stage: stage, required: required,
            set: { $0[keyPath: path] = $1 }, write: { $0[keyPath: path].map(form.write) },
            vary: { root in
                var variants: [Form<Root>.Variant] = []
                if let value = root[keyPath: path] {
                    variants = form.vary(value).map { variant in
                        var changed = root
                        changed[keyPath: path] = variant.value
                        return (variant.path, changed)
                    }
                }
                if !required || root[keyPath: path] == nil {
                    var changed = root
                    changed[keyPath: path] = root[keyPath: path] == nil ? sample : nil
                    if root[keyPath: path] != nil || sample != nil { variants.append(("", changed)) }
                }
                return variants
            })
    }

    /// Fields of the same value that stand one level deeper. Left out when none of them is written, unless `always`.
    static func group(
        _ name: String, _ record: Record<Root>, required: Bool = false, always: Bool = false, _ documentation: String
    ) -> Field {
        var field = Field(
            name, record.form, documentation, required: required, requiredInInventory: required,
            set: { _, _ in },
            write: { root in
                let value = record.write(root)
                return !required && !always && value.members?.isEmpty == true ? nil : value
            },
            vary: { record.vary($0) })
        field.read = { decoding, node, root in record.read(decoding, node, into: &root) }
        return field
    }

    /// A field that holds one word and nothing else, such as `kind`.
    static func constant(
        _ name: String, _ word: String, _ documentation: String, reserved: [String] = [], required: Bool = false
    ) -> Field {
        let form = Form<String>(
            schema: { .members([("const", .string(word))]) },
            read: { decoding, node in
                let text = decoding.text(node)
                if text == word { return word }
                if let text, reserved.contains(text) {
                    decoding.fail(
                        node, "unsupported", "\(Wording.quoted(text)) is not in this version", help: "write \(word)")
                } else {
                    decoding.mismatch(node, "what \(name) can be", accepted: "write \(word)")
                }
                return nil
            },
            write: { .string($0) }, vary: { _ in [] })
        let implied: @Sendable () -> JSONValue = { .string(word) }
        return Field(
            name, form, documentation, required: required, defaultValue: required ? nil : implied, set: { _, _ in },
            write: { _ in nil }, vary: { _ in [] })
    }

    /// The field as another way of saying what a further field writes.
    static func readOnly(_ field: Field) -> Field {
        var copy = field
        copy.write = { _ in nil }
        copy.vary = { _ in [] }
        return copy
    }

    private static func varied<Value: Sendable>(
        _ root: Root, _ path: FieldPath<Root, Value>, _ form: Form<Value>
    ) -> [Form<Root>.Variant] {
        form.vary(root[keyPath: path]).map { variant in
            var changed = root
            changed[keyPath: path] = variant.value
            return (variant.path, changed)
        }
    }
}

/// Where a value keeps a field.
typealias FieldPath<Root, Value> = any WritableKeyPath<Root, Value> & Sendable
