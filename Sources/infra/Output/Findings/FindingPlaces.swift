import Manifests
import Model

/// Finds places the way that editors and forges count: lines from 1, columns from 1 in UTF-16 units, with an end.
struct FindingPlaces {
    /// A place in a file.
    struct Place {
        /// The file, relative to the working directory or absolute.
        var path: String
        var line: Int
        var column: Int
        /// Behind the last character; nil where nothing stands.
        var endColumn: Int?
    }

    private let files: [String: SourceFile]
    /// Where each line of a file begins, for the files that were asked about.
    private var lines: [String: [Int]] = [:]
    /// What stands for a finding about the whole fleet.
    private let whole: String

    init(_ fleet: ValidatedFleet) {
        files = fleet.files.reduce(into: [:]) { $0[$1.printedPath] = $1 }
        whole = fleet.files.first?.path ?? fleet.path
    }

    /// The place of a finding. One about the whole fleet is at the beginning of its first file.
    mutating func place(of diagnostic: Diagnostic) -> Place {
        guard let position = diagnostic.position else { return Place(path: whole, line: 1, column: 1) }
        guard let file = files[position.file] else {
            return Place(path: position.file, line: position.line, column: position.column)
        }
        let starts = lines[position.file] ?? Self.starts(file.bytes)
        lines[position.file] = starts
        guard position.line <= starts.count else { return Place(path: file.path, line: position.line, column: 1) }
        let end = position.line < starts.count ? starts[position.line] : file.bytes.count
        let line = file.bytes[starts[position.line - 1]..<end].prefix { $0 != 0x0a && $0 != 0x0d }
        let before = line.prefix(position.column - 1)
        let word = Self.word(line.dropFirst(position.column - 1))
        let column = Self.units(before) + 1
        return Place(
            path: file.path, line: position.line, column: column,
            endColumn: word.isEmpty ? nil : column + Self.units(word))
    }

    private static func starts(_ bytes: [UInt8]) -> [Int] {
        [0] + bytes.indices.lazy.filter { bytes[$0] == 0x0a }.map { $0 + 1 }
    }

    private static func units(_ bytes: ArraySlice<UInt8>) -> Int { String(decoding: bytes, as: UTF8.self).utf16.count }

    /// The scalar that begins there: to its closing quote, else to what ends a plain one.
    private static func word(_ rest: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        guard let first = rest.first else { return rest }
        if first == UInt8(ascii: "\"") || first == UInt8(ascii: "'"),
            let close = rest.dropFirst().firstIndex(of: first)
        {
            return rest[...close]
        }
        let ends = Array(" \t,[]{}".utf8)
        let word = rest.prefix { !ends.contains($0) }
        return word.isEmpty ? rest.prefix(1) : word.last == UInt8(ascii: ":") ? word.dropLast() : word
    }
}
