public import Model

/// Where resources and their fields stand in the manifests. Nothing is kept for each field: a question about one
/// reads the document again.
public struct SourceIndex: Sendable {
    /// A document.
    struct Place: Sendable, Comparable {
        var file: Int32
        /// The first line of the document's contents, from 0.
        var line: Int32

        static func < (left: Place, right: Place) -> Bool {
            (left.file, left.line) < (right.file, right.line)
        }
    }

    private let paths: [String]
    private let sources: [SourceText]
    /// By kind and identity.
    private let places: [[String: Place]]

    init(paths: [String], sources: [SourceText], places: [[String: Place]]) {
        self.paths = paths
        self.sources = sources
        self.places = places
    }

    /// Where a field stands, `spec.disks[root].size`, or what is nearest above it; nil for an unknown resource. An
    /// empty path is the document.
    public func position(of resource: ResourceID, field: String = "") -> SourcePosition? {
        place(of: resource).flatMap { place in position(field, place, in: tree(place)) }
    }

    func place(of resource: ResourceID) -> Place? { places[resource.kind.rank][resource.id] }

    /// The document, read again.
    func tree(_ place: Place) -> YAMLTree {
        let source = sources[Int(place.file)]
        let marker = source.markers[source.marker(atOrBefore: Int(place.line))]
        var tree = YAMLTree()
        source.bytes.withUnsafeBufferPointer { bytes in
            var events = YAMLEvents(UnsafeBufferPointer(rebasing: bytes[marker.offset...]), firstLine: marker.line)
            while case .document = events.next(into: &tree), let root = tree.nodes.first, root.line < place.line {}
        }
        return tree
    }

    /// Where a field of a document stands.
    func position(_ field: String, _ place: Place, in tree: YAMLTree) -> SourcePosition? {
        guard let node = tree.node(at: field).map({ tree.nodes[$0] }) else { return nil }
        return SourcePosition(
            file: paths[Int(place.file)], line: Int(node.line) + 1,
            column: sources[Int(place.file)].byteColumn(line: Int(node.line), column: Int(node.column)))
    }
}
