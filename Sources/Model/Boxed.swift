/// A large value behind one reference, copied when it is changed: a fleet's machines are moved between lists and looked
/// up far more often than any of them changes. Equal, hashed and coded as the value itself.
@propertyWrapper public struct Boxed<Value> {
    @usableFromInline final class Storage {
        @usableFromInline var value: Value

        @usableFromInline init(_ value: Value) { self.value = value }
    }

    @usableFromInline var storage: Storage

    /// A box with a value in it.
    @inlinable public init(wrappedValue: Value) { storage = Storage(wrappedValue) }

    /// The value.
    @inlinable public var wrappedValue: Value {
        _read { yield storage.value }
        _modify {
            if !isKnownUniquelyReferenced(&storage) { storage = Storage(storage.value) }
            yield &storage.value
        }
    }
}

/// Unchecked because a storage that is shared is never changed.
extension Boxed: @unchecked Sendable where Value: Sendable {}

extension Boxed: Equatable where Value: Equatable {
    /// Whether both hold equal values.
    public static func == (one: Boxed, other: Boxed) -> Bool {
        one.storage === other.storage || one.wrappedValue == other.wrappedValue
    }
}

extension Boxed: Hashable where Value: Hashable {
    /// Hashes the value.
    public func hash(into hasher: inout Hasher) { hasher.combine(wrappedValue) }
}

extension Boxed: Decodable where Value: Decodable {
    /// Reads the value.
    /// - Throws: what reading it throws.
    public init(from decoder: any Decoder) throws { self.init(wrappedValue: try Value(from: decoder)) }
}

extension Boxed: Encodable where Value: Encodable {
    /// Writes the value.
    /// - Throws: what writing it throws.
    public func encode(to encoder: any Encoder) throws { try wrappedValue.encode(to: encoder) }
}

/// A value that may be missing is left out where it is, as the synthesized coding does with an optional that has no box.
extension KeyedDecodingContainer {
    func decode<Value: Decodable>(_ type: Boxed<Value?>.Type, forKey key: Key) throws -> Boxed<Value?> {
        Boxed(wrappedValue: try decodeIfPresent(Value.self, forKey: key))
    }
}

extension KeyedEncodingContainer {
    mutating func encode<Value: Encodable>(_ value: Boxed<Value?>, forKey key: Key) throws {
        try encodeIfPresent(value.wrappedValue, forKey: key)
    }
}
