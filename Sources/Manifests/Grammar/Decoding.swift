import Model

/// Turns one YAML tree after the other into values, and keeps what is wrong with them.
final class Decoding {
    /// Whose words a document may use.
    enum Mode {
        /// A person wrote it: everything is checked, and what placement fills in may not be there.
        case manifest
        /// `infra` wrote down what it saw: typed, but not judged.
        case inventory
    }

    let mode: Mode
    var tree = YAMLTree()
    /// The resource whose document is being read, once it is known.
    var resource: ResourceID?
    private(set) var findings = Findings()
    private(set) var source = SourceText([])
    private(set) var file = ""

    init(_ mode: Mode) { self.mode = mode }

    func begin(_ file: String, _ source: SourceText) {
        self.file = file
        self.source = source
    }

    /// Reports a value.
    func fail(
        _ node: Int, _ code: String, _ message: @autoclosure () -> String, help: @autoclosure () -> String? = nil
    ) {
        // To word what nobody reads would take long for a document that is wrong in a hundred thousand places.
        guard !findings.skipsError() else { return }
        let message = message()
        let place = tree.nodes[node]
        let position = SourcePosition(
            file: file, line: Int(place.line) + 1,
            column: source.byteColumn(line: Int(place.line), column: Int(place.column)))
        let path = tree.path(of: node)
        findings.add(
            Diagnostic(
                code: code, path.isEmpty ? message : "\(path): \(message)", help: help(), position: position,
                resource: resource, field: path.isEmpty ? nil : path))
    }

    /// Reports a value that is not what its field takes. A value that was refused before is not told twice.
    func mismatch(_ node: Int, _ what: String, accepted: @autoclosure () -> String) {
        guard tree.kind(node) != .refused else { return }
        if tree.isNull(node) {
            fail(node, "needs-value", "needs a value: \(what)", help: accepted())
        } else {
            fail(node, "value", "\(described(node)) is not \(what)", help: accepted())
        }
    }

    func report(_ problem: YAMLProblem) {
        findings.add(
            Diagnostic(
                code: problem.code, problem.message, help: problem.help,
                position: SourcePosition(
                    file: file, line: problem.line + 1,
                    column: source.byteColumn(line: problem.line, column: problem.column))))
    }

    func report(_ problem: SourceText.Problem) {
        findings.add(
            Diagnostic(
                code: problem.code, problem.message, help: problem.help,
                position: SourcePosition(file: file, line: problem.line, column: problem.column)))
    }

    /// How a reader recognises a value.
    func described(_ node: Int) -> String {
        switch tree.kind(node) {
        case .plain, .quoted: Wording.quoted(tree.string(node))
        case .sequence: "a list"
        case .mapping: "a mapping"
        case .refused: "an alias"
        }
    }

    /// The text of a scalar that is there.
    func text(_ node: Int) -> String? {
        tree.isScalar(node) && !tree.isNull(node) ? tree.string(node) : nil
    }
}
