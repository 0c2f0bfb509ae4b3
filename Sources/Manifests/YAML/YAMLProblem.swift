/// What is wrong with a document as YAML, before anyone asks what it means.
struct YAMLProblem {
    var code: String
    var message: String
    var help: String?
    /// From 0, in the whole file.
    var line: Int
    /// From 0, in characters.
    var column: Int
}

/// What became of the next document.
enum YAMLOutcome {
    /// It is in the tree.
    case document
    /// It cannot be read; the next one begins at a later marker.
    case unreadable(YAMLProblem)
    /// There is none.
    case end
}
