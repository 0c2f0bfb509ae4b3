import Foundation

/// JSON as this program writes it: keys sorted, so that equal values give equal text.
enum JSONOutput {
    /// Indented, for documents.
    static func document(_ value: some Encodable) throws -> String {
        String(
            decoding: try encoder([.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]).encode(value), as: UTF8.self)
            + "\n"
    }

    /// On one line, for streams.
    static func line(_ value: some Encodable) throws -> String {
        String(decoding: try encoder([.sortedKeys, .withoutEscapingSlashes]).encode(value), as: UTF8.self) + "\n"
    }

    private static func encoder(_ formatting: JSONEncoder.OutputFormatting) -> JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = formatting
        return encoder
    }
}
