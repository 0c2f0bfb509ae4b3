import Foundation
import Model

/// The bytes of one file, checked to be plain text, with the places where its documents begin.
struct SourceText {
    /// Where a document marker stands, or the file begins.
    struct Marker {
        var offset: Int
        /// From 0.
        var line: Int
    }

    /// What is wrong with the bytes as text.
    struct Problem {
        var code: String
        var message: String
        var help: String
        /// From 1, in bytes.
        var line: Int
        var column: Int
    }

    static let fileLimit = 64 << 20
    static let documentLimit = 4 << 20

    let bytes: [UInt8]
    /// The beginning, then every line that starts with `---`. libyaml ends a document at each of those lines whatever
    /// it is in the middle of, so documents can be read from any of them on.
    private(set) var markers: [Marker] = []
    private(set) var problem: Problem?

    /// - Parameter documentLimit: how large one document may be, in bytes.
    init(_ bytes: [UInt8], documentLimit: Int = Self.documentLimit) {
        self.bytes = bytes
        let hasMark = bytes.count >= 3 && bytes[0] == 0xef && bytes[1] == 0xbb && bytes[2] == 0xbf
        markers.append(Marker(offset: hasMark ? 3 : 0, line: 0))
        guard bytes.count <= Self.fileLimit else {
            problem = Problem(
                code: "too-large", message: "the file has \(bytes.count >> 20) MiB",
                help: "at most \(Self.fileLimit >> 20) MiB; split it into several files", line: 1, column: 1)
            return
        }
        bytes.withUnsafeBufferPointer { scan($0) }
        checkSizes(documentLimit)
    }

    /// The bytes of the part that begins at a marker.
    func part(_ index: Int) -> Range<Int> {
        markers[index].offset..<(index + 1 < markers.count ? markers[index + 1].offset : bytes.count)
    }

    /// The last marker at or before a line.
    func marker(atOrBefore line: Int) -> Int {
        var low = 0
        var high = markers.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if markers[middle].line <= line { low = middle } else { high = middle }
        }
        return low
    }

    /// The byte column, from 1, of a column that counts characters from 0.
    func byteColumn(line: Int, column: Int) -> Int {
        let marker = markers[marker(atOrBefore: line)]
        var offset = offset(ofLine: line, from: marker)
        let start = offset
        var characters = 0
        while offset < bytes.count, characters < column || bytes[offset] & 0xc0 == 0x80 {
            if bytes[offset] == 0x0a { break }
            if bytes[offset] & 0xc0 != 0x80 { characters += 1 }
            offset += 1
        }
        // A place after the end of the line stays that far from it.
        return offset - start + (column - characters) + 1
    }

    private func offset(ofLine line: Int, from marker: Marker) -> Int {
        bytes.withUnsafeBytes { text in
            var offset = marker.offset
            for _ in marker.line..<max(line, marker.line) {
                guard let base = text.baseAddress, let end = memchr(base + offset, 0x0a, text.count - offset) else {
                    return text.count
                }
                offset = end - UnsafeMutableRawPointer(mutating: base) + 1
            }
            return offset
        }
    }

    private mutating func scan(_ text: UnsafeBufferPointer<UInt8>) {
        var offset = markers[0].offset
        var line = 0
        var lineStart = 0
        while offset < text.count {
            let byte = text[offset]
            if byte >= 0x20 && byte < 0x7f {
                offset += 1
            } else if byte == 0x0a {
                offset += 1
                line += 1
                lineStart = offset
                if Self.isMarker(text, offset) { markers.append(Marker(offset: offset, line: line)) }
            } else if byte == 0x09 || byte == 0x0d && offset + 1 < text.count && text[offset + 1] == 0x0a {
                offset += 1
            } else {
                let length = Self.sequenceLength(text, offset)
                if length == 0 {
                    problem = Problem(
                        code: "encoding", message: "the file is not UTF-8: a byte 0x\([byte].hexDigits)",
                        help: "save it as UTF-8", line: line + 1, column: offset - lineStart + 1)
                    return
                }
                if let name = Self.refusedCharacter(text, offset, length) {
                    problem = Problem(
                        code: "control-character", message: "a control character (U+\(name))",
                        help: "leave it out, or write \\u\(name) inside double quotes",
                        line: line + 1, column: offset - lineStart + 1)
                    return
                }
                offset += length
            }
        }
    }

    private mutating func checkSizes(_ limit: Int) {
        guard problem == nil else { return }
        for index in markers.indices where part(index).count > limit {
            problem = Problem(
                code: "too-large", message: "a document of \(part(index).count >> 20) MiB",
                help: "at most \(limit >> 20) MiB", line: markers[index].line + 1, column: 1)
            return
        }
    }

    private static func isMarker(_ text: UnsafeBufferPointer<UInt8>, _ offset: Int) -> Bool {
        let hyphen = UInt8(ascii: "-")
        guard offset + 3 <= text.count, text[offset] == hyphen, text[offset + 1] == hyphen, text[offset + 2] == hyphen
        else { return false }
        return offset + 3 == text.count || [0x20, 0x09, 0x0a, 0x0d].contains(text[offset + 3])
    }

    /// The length of the well-formed UTF-8 sequence that begins there (RFC 3629), else 0.
    private static func sequenceLength(_ text: UnsafeBufferPointer<UInt8>, _ offset: Int) -> Int {
        let first = text[offset]
        let length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0
        guard length > 0, offset + length <= text.count else { return 0 }
        for index in 1..<max(length, 1) where text[offset + index] & 0xc0 != 0x80 { return 0 }
        guard length > 2 else { return length }
        let second = text[offset + 1]
        switch first {
        case 0xe0: return second >= 0xa0 ? length : 0
        case 0xed: return second < 0xa0 ? length : 0
        case 0xf0: return second >= 0x90 ? length : 0
        case 0xf4: return second < 0x90 ? length : 0
        default: return length
        }
    }

    /// The name of a character that YAML does not take as it is, or takes for the end of a line where editors do not.
    private static func refusedCharacter(
        _ text: UnsafeBufferPointer<UInt8>, _ offset: Int, _ length: Int
    ) -> String? {
        let scalar = String(decoding: text[offset..<offset + length], as: UTF8.self).unicodeScalars.first?.value ?? 0
        let isRefused =
            scalar < 0xa0 || scalar == 0x2028 || scalar == 0x2029 || scalar == 0xfeff || scalar == 0xfffe
            || scalar == 0xffff
        guard isRefused else { return nil }
        let hex = String(scalar, radix: 16, uppercase: true)
        return String(repeating: "0", count: max(0, 4 - hex.utf8.count)) + hex
    }
}
