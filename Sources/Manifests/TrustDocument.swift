public import Model

/// Why a trust file could not be read.
public struct TrustError: Error {
    /// What is wrong with it, all of it.
    public let diagnostics: [Diagnostic]
}

/// Reads the file that says whose commits move a fleet, and how far an unattended run goes at most. One document, in the
/// grammar of the manifests, of a kind that no manifest may have: a repository cannot trust itself.
public enum TrustDocument {
    /// The document's `kind`.
    static let kind = "Trust"

    /// Reads a trust file.
    /// - Throws: `TrustError` with every problem and its place.
    public static func read(_ file: SourceFile) throws(TrustError) -> Trust {
        let decoding = Decoding(.manifest)
        let source = SourceText(file.bytes)
        decoding.begin(Wording.shortened(file.path, to: 512), source)
        if let problem = source.problem { decoding.report(problem) }
        var trust = Trust.grammar.initial
        var documents = 0
        if source.problem == nil {
            source.bytes.withUnsafeBufferPointer { bytes in
                var events = YAMLEvents(bytes, firstLine: 0)
                reading: while true {
                    let outcome = events.next(into: &decoding.tree)
                    for refusal in events.refusals { decoding.report(refusal) }
                    switch outcome {
                    case .end: break reading
                    case .unreadable(let problem):
                        decoding.report(problem)
                        break reading
                    case .document:
                        documents += 1
                        guard documents == 1 else {
                            decoding.fail(0, "many-documents", "another document", help: "a trust file holds one")
                            break reading
                        }
                        Trust.grammar.read(decoding, 0, into: &trust)
                    }
                }
            }
        }
        if decoding.findings.errors == 0, documents == 1 { return trust }
        var found = decoding.findings.sorted
        if found.isEmpty {
            found = [
                Diagnostic(
                    code: "no-trust", "no Trust document in the file",
                    help: "write apiVersion: \(Document.version), kind: \(kind) and spec",
                    position: SourcePosition(file: Wording.shortened(file.path, to: 512), line: 1, column: 1))
            ]
        }
        throw TrustError(diagnostics: found)
    }
}
