import Model

/// Which documents there are, by kind, name and identity, whether the rest of them is right or not.
struct Register: Sendable {
    struct Entry: Sendable {
        var identity: String
        var place: SourceIndex.Place
    }

    private var entries = [[String: Entry]](repeating: [:], count: ResourceKind.allCases.count)
    private(set) var places = [[String: SourceIndex.Place]](repeating: [:], count: ResourceKind.allCases.count)

    /// Whether there may be documents beyond those here, since some could not be read so far.
    var isPartial = false

    /// Adds a document; returns the place of another one with the name or the identity.
    @discardableResult
    mutating func add(_ kind: ResourceKind, name: String, _ entry: Entry) -> SourceIndex.Place? {
        if let other = entries[kind.rank][name]?.place ?? places[kind.rank][entry.identity] { return other }
        entries[kind.rank][name] = entry
        places[kind.rank][entry.identity] = entry.place
        return nil
    }

    /// Adds what follows; false when a name or an identity is there twice.
    mutating func add(_ next: Register) -> Bool {
        var isUnique = true
        for kind in entries.indices {
            entries[kind].merge(next.entries[kind]) { one, _ in
                isUnique = false
                return one
            }
            places[kind].merge(next.places[kind]) { one, _ in
                isUnique = false
                return one
            }
        }
        isPartial = isPartial || next.isPartial
        return isUnique
    }

    /// The identity of what a manifest calls by that name.
    func identity(_ kind: ResourceKind, _ name: String) -> String? { entries[kind.rank][name]?.identity }

    func names(_ kind: ResourceKind) -> [String] { entries[kind.rank].keys.sorted() }

    func count(_ kind: ResourceKind) -> Int { entries[kind.rank].count }
}
