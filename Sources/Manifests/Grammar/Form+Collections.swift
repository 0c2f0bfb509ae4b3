import Model

extension Form {
    /// A list in its written order.
    static func list<Item: Sendable & Hashable>(
        _ what: String, of item: Form<Item>, sample: Item, duplicates: Bool = false
    ) -> Form<[Item]> where Value == [Item] {
        Form<[Item]>(
            schema: {
                .members(
                    [("type", .string("array")), ("items", item.schema())]
                        + (duplicates ? [] : [("uniqueItems", .bool(true))]))
            },
            read: { decoding, node in
                guard decoding.tree.kind(node) == .sequence else {
                    decoding.mismatch(node, "a list of \(what)", accepted: "write [] or a list")
                    return nil
                }
                var items: [Item] = []
                var seen: Set<Item> = []
                for child in decoding.items(of: node) {
                    guard let value = item.read(decoding, child) else { continue }
                    if !duplicates, decoding.mode == .manifest, !seen.insert(value).inserted {
                        decoding.fail(child, "duplicate", "\(decoding.described(child)) is in the list twice")
                        continue
                    }
                    items.append(value)
                }
                return items
            },
            write: { .array($0.map(item.write)) },
            vary: { items in
                items.contains(sample) ? [("", items.filter { $0 != sample })] : [("", items + [sample])]
            })
    }

    /// More than any machine has disks, interfaces or users.
    private static var namedLimit: Int { 256 }

    /// A list whose items are told apart by their name; the order means nothing.
    static func named<Item: Sendable>(
        _ item: Form<Item>, _ title: String, by name: FieldPath<Item, String>, sorted: Bool = true,
        sample: Item
    ) -> Form<[Item]> where Value == [Item] {
        Form<[Item]>(
            schema: {
                .members([
                    ("type", .string("array")), ("items", item.schema()), ("maxItems", .int(namedLimit)),
                ])
            },
            read: { decoding, node in
                guard decoding.tree.kind(node) == .sequence else {
                    decoding.mismatch(node, "a list, each item \(title)", accepted: "write [] or a list")
                    return nil
                }
                var items: [Item] = []
                for child in decoding.items(of: node) {
                    if items.count == namedLimit, decoding.mode == .manifest {
                        decoding.fail(child, "too-many", "more than \(namedLimit) items", help: "leave some out")
                        break
                    }
                    guard let value = item.read(decoding, child) else { continue }
                    let isTwice = items.contains { $0[keyPath: name] == value[keyPath: name] }
                    if decoding.mode == .manifest, isTwice {
                        decoding.fail(
                            decoding.tree.value(of: "name", in: child) ?? child, "duplicate",
                            "\(Wording.quoted(value[keyPath: name])) is the name of another item of the list",
                            help: "give each its own name")
                        continue
                    }
                    items.append(value)
                }
                if sorted, decoding.mode == .manifest, items.count > 1 {
                    items.sort { $0[keyPath: name] < $1[keyPath: name] }
                }
                return items
            },
            write: { .array($0.map(item.write)) },
            vary: { items in
                var variants: [Variant] = [("", items + [sample])]
                for (index, value) in items.enumerated() {
                    let label = "[\(value[keyPath: name])]"
                    variants.append((label, items.enumerated().filter { $0.offset != index }.map(\.element)))
                    for variant in item.vary(value) where variant.path != ".name" {
                        var changed = items
                        changed[index] = variant.value
                        variants.append((label + variant.path, changed))
                    }
                }
                return variants
            })
    }

    /// A mapping with free keys.
    static func dictionary<Item: Sendable>(
        _ what: String, key: Form<String>, of item: Form<Item>, sample: (String, Item)
    ) -> Form<[String: Item]> where Value == [String: Item] {
        Form<[String: Item]>(
            schema: {
                .members([
                    ("type", .string("object")), ("propertyNames", key.schema()),
                    ("additionalProperties", item.schema()),
                ])
            },
            read: { decoding, node in
                guard decoding.tree.kind(node) == .mapping else {
                    decoding.mismatch(node, "a mapping of \(what)", accepted: "write {} or keys with their values")
                    return nil
                }
                var items: [String: Item] = [:]
                for (name, child) in decoding.members(of: node) {
                    guard decoding.isKey(name), let word = key.read(decoding, name) else { continue }
                    guard let value = item.read(decoding, child) else { continue }
                    if items.updateValue(value, forKey: word) != nil { decoding.duplicateKey(name) }
                }
                return items
            },
            write: { items in
                .members(items.sorted { $0.key < $1.key }.map { ($0.key, item.write($0.value)) })
            },
            vary: { items in
                var changed = items
                if changed.removeValue(forKey: sample.0) == nil { changed[sample.0] = sample.1 }
                return [("", changed)]
            })
    }
}

extension Decoding {
    /// The nodes of a list.
    func items(of sequence: Int) -> [Int] {
        var items: [Int] = []
        var child = sequence + 1
        while child < tree.end(sequence) {
            items.append(child)
            child = tree.end(child)
        }
        return items
    }

    /// The keys and values of a mapping.
    func members(of mapping: Int) -> [(key: Int, value: Int)] {
        var members: [(Int, Int)] = []
        var child = mapping + 1
        while child < tree.end(mapping) {
            let value = tree.end(child)
            members.append((child, value))
            child = tree.end(value)
        }
        return members
    }

    /// Whether a key is a word; reports one that is not.
    func isKey(_ node: Int) -> Bool {
        guard tree.isScalar(node) else {
            if tree.kind(node) != .refused {
                fail(node, "key", "\(described(node)) is not a key", help: "a key is a word")
            }
            return false
        }
        if tree.kind(node) == .plain, tree.textLength(node) == 2, tree.string(node) == "<<" {
            fail(node, "merge-key", "merge keys (<<) are not accepted", help: "write the fields out")
            return false
        }
        return true
    }

    func duplicateKey(_ node: Int) {
        fail(node, "duplicate-key", "\(described(node)) is there twice", help: "keep one of them")
    }
}
