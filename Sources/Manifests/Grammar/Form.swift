import Model

/// How values of one type stand in a document: read, written, described, and varied for the walk over all fields.
struct Form<Value: Sendable>: Sendable {
    /// A changed value, and where below this one the change is.
    typealias Variant = (path: String, value: Value)

    /// JSON Schema of what is accepted.
    let schema: @Sendable () -> JSONValue
    /// Reads a node; nil once it has reported what is wrong.
    let read: @Sendable (Decoding, Int) -> Value?
    /// The value as a document has it.
    let write: @Sendable (Value) -> JSONValue
    /// Values that differ from the given one in one field each.
    let vary: @Sendable (Value) -> [Variant]

    init(
        schema: @escaping @Sendable () -> JSONValue, read: @escaping @Sendable (Decoding, Int) -> Value?,
        write: @escaping @Sendable (Value) -> JSONValue, vary: @escaping @Sendable (Value) -> [Variant]
    ) {
        self.schema = schema
        self.read = read
        self.write = write
        self.vary = vary
    }

    /// The same text for a value of another type. `convert` reports what it does not take.
    func converted<Other: Sendable & Equatable>(
        to convert: @escaping @Sendable (Value, Decoding, Int) -> Other?,
        from: @escaping @Sendable (Other) -> Value, varied: @escaping @Sendable (Value) -> Other?
    ) -> Form<Other> {
        let form = self
        return Form<Other>(
            schema: schema,
            read: { decoding, node in form.read(decoding, node).flatMap { convert($0, decoding, node) } },
            write: { form.write(from($0)) },
            vary: { other in
                form.vary(from(other)).compactMap { variant in
                    varied(variant.value).flatMap { $0 == other ? nil : (variant.path, $0) }
                }
            })
    }

    /// The same value with a short form, a scalar.
    func or<Short: Sendable>(
        short: Form<Short>, from: @escaping @Sendable (Short) -> Value, to: @escaping @Sendable (Value) -> Short?
    ) -> Form {
        let long = self
        return Form(
            schema: { .members([("oneOf", .array([short.schema(), long.schema()]))]) },
            read: { decoding, node in
                decoding.tree.kind(node) == .mapping
                    ? long.read(decoding, node) : short.read(decoding, node).map(from)
            },
            write: { value in to(value).map(short.write) ?? long.write(value) }, vary: long.vary)
    }
}

extension JSONValue {
    /// An object from pairs.
    static func members(_ pairs: [(String, JSONValue)]) -> JSONValue { .object(pairs.map { Member($0.0, $0.1) }) }
}
