import CYAML

/// The documents of a text, one after the other, through libyaml's events.
///
/// Owns libyaml's parser; the bytes must outlive it.
struct YAMLEvents: ~Copyable {
    private static let depthLimit = 64
    private static let nodeLimit = 1_000_000

    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let event: UnsafeMutablePointer<yaml_event_t>
    private let firstLine: Int
    private let isReady: Bool
    /// What is wrong in the current document beside its syntax, at most one of each code.
    private(set) var refusals: [YAMLProblem] = []

    /// Reads a text whose first line is that line of its file, from 0.
    init(_ bytes: UnsafeBufferPointer<UInt8>, firstLine: Int) {
        parser = .allocate(capacity: 1)
        event = .allocate(capacity: 1)
        self.firstLine = firstLine
        isReady = bytes.baseAddress != nil && yaml_parser_initialize(parser) == 1
        if isReady {
            yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
            yaml_parser_set_input_string(parser, bytes.baseAddress, bytes.count)
        }
    }

    deinit {
        if isReady { yaml_parser_delete(parser) }
        parser.deallocate()
        event.deallocate()
    }

    /// Reads the next document into the tree, replacing what is there.
    mutating func next(into tree: inout YAMLTree) -> YAMLOutcome {
        tree.removeAll()
        refusals.removeAll()
        guard isReady else { return .end }
        var open: [Int] = []
        while true {
            guard yaml_parser_parse(parser, event) == 1 else { return .unreadable(syntaxProblem()) }
            defer { yaml_event_delete(event) }
            switch event.pointee.type {
            case YAML_STREAM_END_EVENT, YAML_NO_EVENT: return .end
            case YAML_DOCUMENT_START_EVENT: noteDirectives()
            case YAML_DOCUMENT_END_EVENT: return .document
            case YAML_SCALAR_EVENT: appendScalar(to: &tree)
            case YAML_SEQUENCE_START_EVENT:
                let start = event.pointee.data.sequence_start
                noteProperties(start.anchor, start.tag)
                open.append(append(.sequence, to: &tree))
            case YAML_MAPPING_START_EVENT:
                let start = event.pointee.data.mapping_start
                noteProperties(start.anchor, start.tag)
                open.append(append(.mapping, to: &tree))
            case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT:
                if let node = open.popLast() { tree.close(node) }
            case YAML_ALIAS_EVENT:
                note("alias", "an alias (*name)", "write the value out; anchors and aliases are not accepted")
                tree.appendScalar(UnsafeBufferPointer(start: nil, count: 0), .refused, line: line, column: column)
            default: break
            }
            if open.count > Self.depthLimit {
                return .unreadable(problem("too-deep", "more than \(Self.depthLimit) levels of nesting", nil))
            }
            if tree.nodes.count > Self.nodeLimit {
                return .unreadable(problem("too-large", "a document of more than \(Self.nodeLimit) values", nil))
            }
        }
    }

    private var line: Int { firstLine + Int(event.pointee.start_mark.line) }
    private var column: Int { Int(event.pointee.start_mark.column) }

    private func append(_ kind: YAMLTree.Kind, to tree: inout YAMLTree) -> Int {
        tree.appendCollection(kind, line: line, column: column)
    }

    private mutating func appendScalar(to tree: inout YAMLTree) {
        let scalar = event.pointee.data.scalar
        if scalar.anchor != nil || scalar.tag != nil { noteProperties(scalar.anchor, scalar.tag) }
        tree.appendScalar(
            UnsafeBufferPointer(start: scalar.value, count: scalar.length),
            scalar.style == YAML_PLAIN_SCALAR_STYLE ? .plain : .quoted, line: line, column: column)
    }

    private mutating func noteDirectives() {
        let start = event.pointee.data.document_start
        guard start.version_directive != nil || start.tag_directives.start != start.tag_directives.end else { return }
        note("directive", "a YAML directive (%…)", "leave the line out")
    }

    private mutating func noteProperties(_ anchor: UnsafePointer<yaml_char_t>?, _ tag: UnsafePointer<yaml_char_t>?) {
        if anchor != nil {
            note("alias", "an anchor (&name)", "leave it out; anchors and aliases are not accepted")
        }
        if tag != nil { note("tag", "a tag (!name)", "leave it out; the field decides the type of its value") }
    }

    private mutating func note(_ code: String, _ message: String, _ help: String) {
        guard !refusals.contains(where: { $0.code == code }) else { return }
        refusals.append(problem(code, message, help))
    }

    private func problem(_ code: String, _ message: String, _ help: String?) -> YAMLProblem {
        YAMLProblem(code: code, message: message, help: help, line: line, column: column)
    }

    private func syntaxProblem() -> YAMLProblem {
        let state = parser.pointee
        let text = state.problem.map { String(cString: $0) } ?? "it ends in the middle of something"
        var message = "not YAML: \(text)"
        if let context = state.context {
            message += " \(String(cString: context))"
            let begun = Int(state.context_mark.line)
            if begun != Int(state.problem_mark.line) { message += ", begun in line \(firstLine + begun + 1)" }
        }
        return YAMLProblem(
            code: "syntax", message: message, help: nil, line: firstLine + Int(state.problem_mark.line),
            column: Int(state.problem_mark.column))
    }
}
