/// Field paths as plans print them: `spec.disks[root].size`. Items of a list go by their `name`, else by their place.
extension YAMLTree {
    /// The path of a node, from the document's root.
    func path(of node: Int) -> String {
        var path = ""
        var current = 0
        while current < node {
            guard let (child, segment) = child(of: current, around: node) else { break }
            if !segment.hasPrefix("["), !path.isEmpty { path += "." }
            path += segment
            current = child
        }
        return path
    }

    private func child(of parent: Int, around node: Int) -> (child: Int, segment: String)? {
        var child = parent + 1
        var place = 0
        while child < end(parent) {
            if kind(parent) == .mapping {
                let value = end(child)
                if node < end(value) { return (node < value ? node : value, isScalar(child) ? shortened(child) : "?") }
                child = end(value)
            } else {
                if node < end(child) { return (child, "[\(itemName(child) ?? String(place))]") }
                child = end(child)
                place += 1
            }
        }
        return nil
    }

    /// The node at a path, or the nearest one above it that is written down.
    func node(at path: String) -> Int? {
        guard !nodes.isEmpty else { return nil }
        var current = 0
        for segment in Self.segments(path) {
            let next =
                segment.isItem ? item(segment.text, in: current) : value(of: String(segment.text), in: current)
            guard let next else { break }
            current = next
        }
        return current
    }

    /// A path taken apart; `[name]` is an item.
    static func segments(_ path: String) -> [(text: Substring, isItem: Bool)] {
        var segments: [(Substring, Bool)] = []
        var rest = path[...]
        while let first = rest.first {
            if first == "[", let close = rest.firstIndex(of: "]") {
                segments.append((rest[rest.index(after: rest.startIndex)..<close], true))
                rest = rest[rest.index(after: close)...]
            } else {
                if first == "." { rest = rest.dropFirst() }
                let stop = rest.dropFirst().firstIndex { $0 == "." || $0 == "[" } ?? rest.endIndex
                segments.append((rest[..<stop], false))
                rest = rest[stop...]
            }
        }
        return segments
    }

    private func item(_ name: Substring, in sequence: Int) -> Int? {
        guard kind(sequence) == .sequence else { return nil }
        var child = sequence + 1
        var place = 0
        while child < end(sequence) {
            if (itemName(child) ?? String(place)) == name { return child }
            child = end(child)
            place += 1
        }
        return nil
    }

    private func itemName(_ item: Int) -> String? {
        guard let name = value(of: "name", in: item), isScalar(name), textLength(name) > 0 else { return nil }
        return shortened(name)
    }

    private func shortened(_ node: Int) -> String { Wording.shortened(string(node), to: 64) }
}
