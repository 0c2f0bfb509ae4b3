import Hosts
import Model

/// A name in a pool's folder, as `find` tells it.
struct FileRecord: Hashable, Sendable {
    /// What `find -printf` writes for each: kind, size, blocks of 512 bytes, path, and a zero byte.
    static let format = #"%y\t%s\t%b\t%p\0"#

    let path: String
    /// Whether it is a plain file, and not a link, a folder or a device.
    let isPlain: Bool
    /// Its size in bytes.
    let size: UInt64
    /// What it takes from the file system, in bytes.
    let allocation: UInt64

    /// The part of the path behind the last slash.
    var name: String { path.split(separator: "/").last.map(String.init) ?? "" }

    /// The part of the path before the last slash.
    var folder: String { String(path.dropLast(name.count + 1)) }

    /// Reads the output.
    ///
    /// - Throws: `.unreadable` when a record is not whole.
    static func parse(_ text: String) throws(HostError) -> [FileRecord] {
        var records: [FileRecord] = []
        var parts = text.split(separator: "\0", omittingEmptySubsequences: false)
        guard parts.popLast()?.isEmpty == true else { throw .unreadable("find wrote half a list") }
        for part in parts {
            let fields = part.split(separator: "\t", maxSplits: 3, omittingEmptySubsequences: false)
            guard fields.count == 4, let size = UInt64(fields[1]), let blocks = UInt64(fields[2]),
                fields[3].hasPrefix("/")
            else { throw .unreadable("find wrote a record that is none of its own") }
            records.append(
                FileRecord(
                    path: String(fields[3]), isPlain: fields[0] == "f", size: size, allocation: blocks * 512))
        }
        return records
    }
}

/// What a file in a pool of ours is by its name. The name is a function of the fleet and the resource, so only we make it.
enum FileRole: Hashable {
    case volume(id: String, format: Volume.Format, staged: Bool)
    case image(sha256: String, format: Image.Format, staged: Bool)
    case seed(machine: String, staged: Bool)

    /// Reads a file name; nil for one that this fleet does not make.
    init?(name: String, identity: Identity) {
        let staged = name.hasSuffix(Identity.stagedSuffix)
        let final = staged ? String(name.dropLast(Identity.stagedSuffix.utf8.count)) : name
        if let (id, format) = identity.volume(inFileName: final) {
            self = .volume(id: id, format: format, staged: staged)
        } else if let (sha256, format) = identity.image(inFileName: final) {
            self = .image(sha256: sha256, format: format, staged: staged)
        } else if let machine = identity.machine(inSeedFileName: staged ? Self.withoutNonce(final) : final) {
            self = .seed(machine: machine, staged: staged)
        } else {
            return nil
        }
    }

    /// An unfinished seed's name has a random part, since the old seed may be in use while the new one is written.
    private static func withoutNonce(_ name: String) -> String {
        guard let dot = name.lastIndex(of: ".") else { return name }
        return String(name[..<dot])
    }

    var isStaged: Bool {
        switch self {
        case .volume(_, _, let staged), .image(_, _, let staged), .seed(_, let staged): staged
        }
    }
}
