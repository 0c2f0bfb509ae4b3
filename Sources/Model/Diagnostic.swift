/// A place in a manifest. Lines and columns count from 1; columns count bytes of UTF-8, as compilers do.
public struct SourcePosition: Hashable, Sendable, Codable, CustomStringConvertible {
    /// The file, as messages print it: below the folder as it was given on the command line.
    public var file: String
    /// The line, from 1.
    public var line: Int
    /// The column, from 1, in bytes.
    public var column: Int

    /// Names a place.
    public init(file: String, line: Int, column: Int) {
        self.file = file
        self.line = line
        self.column = column
    }

    /// `file:line:column`.
    public var description: String { "\(file):\(line):\(column)" }
}

/// A finding about manifests or a plan, collected and told with all others. Errors are thrown only by operations.
public struct Diagnostic: Hashable, Sendable, Codable {
    /// How much it matters.
    public enum Severity: String, Sendable, Codable {
        /// The fleet is not valid; there will be no plan.
        case error
        /// Valid, but probably not what was meant.
        case warning
        /// Worth knowing.
        case note
    }

    /// How much it matters.
    public var severity: Severity
    /// A stable word for the kind of finding, in kebab case: `unknown-field`. Scripts match on it.
    public var code: String
    /// What is wrong, in one sentence without a full stop.
    public var message: String
    /// What would be accepted, or what to do.
    public var help: String?
    /// Where, when it has a place.
    public var position: SourcePosition?
    /// About which resource, when it is about one.
    public var resource: ResourceID?
    /// Which field, from the document's root: `spec.disks[root].size`.
    public var field: String?

    /// Collects a finding.
    public init(
        _ severity: Severity = .error, code: String, _ message: String, help: String? = nil,
        position: SourcePosition? = nil, resource: ResourceID? = nil, field: String? = nil
    ) {
        self.severity = severity
        self.code = code
        self.message = message
        self.help = help
        self.position = position
        self.resource = resource
        self.field = field
    }
}

extension Diagnostic: CustomStringConvertible {
    /// `file:line:column: error[code]: message; help`, the form compilers use.
    public var description: String {
        let place = position.map { "\($0): " } ?? resource.map { "\($0): " } ?? ""
        let tail = help.map { "; \($0)" } ?? ""
        return "\(place)\(severity.rawValue)[\(code)]: \(message)\(tail)"
    }
}
