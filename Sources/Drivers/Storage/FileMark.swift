import Foundation
import Hosts
import Model

/// What a stored image says about itself. Its name alone makes it ours; this tells a reader whose it is.
struct ImageMark: Hashable, Codable {
    var fleet: UUID
    var sha256: String
}

/// What a seed says about itself.
struct SeedMark: Hashable, Codable {
    var fleet: UUID
    var machine: String
    var salt: String
    var digest: String
}

/// What every mark says.
private struct AnyMark: Decodable {
    var fleet: UUID
}

/// The contents of the extended attribute `user.infra` (xattr(7)), which is JSON.
struct FileMark: Hashable, Sendable {
    /// The attribute's name.
    static let attribute = "user.infra"

    /// The bytes of the attribute.
    let data: Data
    /// What it says of a volume; nil when it is a mark of something else.
    private let volumeMark: Volume.Mark?

    /// A mark as bytes.
    init(data: Data) {
        self.data = data
        volumeMark = try? JSONDecoder().decode(Volume.Mark.self, from: data)
    }

    /// A mark of a value. Keys are sorted, so equal values are equal bytes.
    init(_ value: some Encodable) throws(HostError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            self.init(data: try encoder.encode(value))
        } catch {
            throw .unreadable("a mark that cannot be written: \(error)")
        }
    }

    /// The mark as a value; nil when it is not one of that kind.
    func decoded<Value: Decodable>(_ type: Value.Type = Value.self) -> Value? {
        try? JSONDecoder().decode(type, from: data)
    }

    /// The mark of that volume of that fleet; nil when it is another's.
    func volume(_ id: String, in identity: Identity) -> Volume.Mark? {
        guard let mark = volumeMark, mark.fleet == identity.fleet else { return nil }
        return mark.of(id)
    }

    /// The mark of an adopted volume; nil when it is another's, or that of another file of which this one is a copy.
    func adopted(_ file: FileRecord, in identity: Identity) -> Volume.Mark? {
        guard file.isPlain, let mark = volumeMark, mark.fleet == identity.fleet, mark.file == file.name
        else { return nil }
        return mark
    }

    /// The mark of the seed of that machine of that fleet; nil when it is another's.
    func seed(of machine: String, in identity: Identity) -> SeedMark? {
        guard let mark = decoded(SeedMark.self), mark.fleet == identity.fleet, mark.machine == machine else {
            return nil
        }
        return mark
    }

    /// The fleet it names, for listings; empty when it names none.
    var owner: String {
        guard let fleet = decoded(AnyMark.self)?.fleet else { return "" }
        return "fleet \(fleet.lowercased.prefix(8))"
    }

    /// What `setfattr --restore=-` reads to set the mark of a file. Nothing of it is in any argument vector, since a
    /// seed's mark holds its salt.
    func dump(path: String) -> [UInt8] {
        Array("# file: \(Self.quoted(path))\n\(Self.attribute)=0s\(data.base64EncodedString())\n".utf8)
    }

    /// Reads what `getfattr --dump --encoding=base64` wrote: the marks by path.
    ///
    /// - Throws: `.unreadable` when it has another form.
    static func parse(dump: String) throws(HostError) -> [String: FileMark] {
        var marks: [String: FileMark] = [:]
        var path: String?
        // By bytes: a pool has many files, and nothing here is about characters.
        let assignment = (attribute + "=").utf8
        for line in dump.utf8.split(separator: UInt8(ascii: "\n")) {
            if line.starts(with: "# file: ".utf8) {
                path = unquoted(Substring(line.dropFirst(8)))
            } else if let current = path, line.starts(with: assignment) {
                guard let data = Data(dumped: Substring(line.dropFirst(assignment.count))) else {
                    throw .unreadable("getfattr wrote a value that is not base64")
                }
                marks[current] = FileMark(data: data)
                path = nil
            } else {
                throw .unreadable("getfattr wrote a line that is none of its own")
            }
        }
        return marks
    }

    /// A path as getfattr(1) and setfattr(1) write it: other bytes than printable ones as `\ooo`.
    private static func quoted(_ path: String) -> String {
        path.utf8.reduce(into: "") { text, byte in
            if byte > 0x20, byte < 0x7f, byte != UInt8(ascii: "\\") {
                text.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                let digits = String(byte, radix: 8)
                text += "\\" + String(repeating: "0", count: 3 - digits.utf8.count) + digits
            }
        }
    }

    private static func unquoted(_ text: Substring) -> String {
        guard text.utf8.contains(UInt8(ascii: "\\")) else { return String(text) }
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "\\"), rest.count >= 3,
                let value = UInt8(String(decoding: rest.prefix(3), as: UTF8.self), radix: 8)
            {
                bytes.append(value)
                rest.removeFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension Data {
    /// Reads `0s` and base64. An empty value is written without either.
    fileprivate init?(dumped text: Substring) {
        if text.isEmpty || text == "\"\"" {
            self.init()
        } else if text.hasPrefix("0s"), let data = Data(base64Encoded: Data(text.utf8.dropFirst(2))) {
            self = data
        } else {
            return nil
        }
    }
}
