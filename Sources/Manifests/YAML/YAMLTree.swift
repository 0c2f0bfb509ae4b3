/// One YAML document as flat arrays: a node is an index, its children follow it, and `end` is the index after its
/// subtree. The arrays are kept from document to document, so that reading thousands allocates next to nothing.
struct YAMLTree {
    enum Kind: UInt8 {
        case plain
        case quoted
        case sequence
        case mapping
        /// Refused and already reported, such as an alias; whoever reads it says nothing more.
        case refused
    }

    struct Node {
        var kind: Kind
        /// From 0, in the whole file.
        var line: Int32
        /// From 0, in characters as libyaml counts them.
        var column: Int32
        var end: Int32
        var textStart: Int32
        var textLength: Int32
    }

    private(set) var nodes: [Node] = []
    private var text: [UInt8] = []

    mutating func removeAll() {
        nodes.removeAll(keepingCapacity: true)
        text.removeAll(keepingCapacity: true)
    }

    mutating func appendScalar(_ bytes: UnsafeBufferPointer<UInt8>, _ kind: Kind, line: Int, column: Int) {
        let start = text.count
        text.append(contentsOf: bytes)
        nodes.append(
            Node(
                kind: kind, line: Int32(clamping: line), column: Int32(clamping: column), end: Int32(nodes.count + 1),
                textStart: Int32(start), textLength: Int32(bytes.count)))
    }

    mutating func appendCollection(_ kind: Kind, line: Int, column: Int) -> Int {
        nodes.append(
            Node(
                kind: kind, line: Int32(clamping: line), column: Int32(clamping: column), end: 0, textStart: 0,
                textLength: 0))
        return nodes.count - 1
    }

    mutating func close(_ node: Int) { nodes[node].end = Int32(nodes.count) }

    func kind(_ node: Int) -> Kind { nodes[node].kind }

    func end(_ node: Int) -> Int { Int(nodes[node].end) }

    func isScalar(_ node: Int) -> Bool { nodes[node].kind.rawValue <= Kind.quoted.rawValue }

    func textLength(_ node: Int) -> Int { Int(nodes[node].textLength) }

    func string(_ node: Int) -> String { withBytes(node) { String(decoding: $0, as: UTF8.self) } }

    func withBytes<Result>(_ node: Int, _ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        let start = Int(nodes[node].textStart)
        let end = start + Int(nodes[node].textLength)
        return text.withUnsafeBufferPointer { body(UnsafeBufferPointer(rebasing: $0[start..<end])) }
    }

    func equals(_ node: Int, _ bytes: [UInt8]) -> Bool {
        guard Int(nodes[node].textLength) == bytes.count else { return false }
        return withBytes(node) { $0.elementsEqual(bytes) }
    }

    /// Whether it is written as nothing: an empty plain scalar, `~` or `null`.
    func isNull(_ node: Int) -> Bool {
        guard kind(node) == .plain else { return false }
        switch textLength(node) {
        case 0: return true
        case 1: return equals(node, Self.tilde)
        case 4: return Self.nulls.contains { equals(node, $0) }
        default: return false
        }
    }

    private static let tilde = Array("~".utf8)
    private static let nulls = ["null", "Null", "NULL"].map { Array($0.utf8) }

    /// The value under a key of a mapping.
    func value(of key: String, in mapping: Int) -> Int? {
        guard kind(mapping) == .mapping else { return nil }
        let wanted = Array(key.utf8)
        var child = mapping + 1
        while child < end(mapping) {
            let value = end(child)
            if isScalar(child), equals(child, wanted) { return value }
            child = end(value)
        }
        return nil
    }
}
