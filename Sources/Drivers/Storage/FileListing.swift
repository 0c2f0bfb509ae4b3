import Hosts
import Model

/// A name in a pool's folder, as `find` tells it.
struct FileRecord: Hashable, Sendable {
    /// Its absolute path.
    let path: String
    /// Whether it is a plain file, and not a link, a folder or a device.
    let isPlain: Bool
    /// Its size in bytes.
    let size: UInt64
    /// What it takes from the file system, in bytes.
    let allocation: UInt64

    /// A record of a file.
    init(path: String, isPlain: Bool, size: UInt64, allocation: UInt64) {
        self.path = path
        self.isPlain = isPlain
        self.size = size
        self.allocation = allocation
    }

    /// The part of the path behind the last slash.
    var name: String { path.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(path[$0...].dropFirst()) } ?? path }

    /// The part of the path before the last slash.
    var folder: String { path.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(path[..<$0]) } ?? "" }

    /// Reads what `find -printf '%y\t%s\t%b\t%p\0'` wrote: kind, size, blocks of 512 bytes, path, and a zero byte.
    ///
    /// - Throws: `.unreadable` when a record is not whole.
    static func parse(_ text: String) throws(HostError) -> [FileRecord] {
        var parts = text.utf8.split(separator: 0, omittingEmptySubsequences: false)
        guard parts.popLast()?.isEmpty == true else { throw .unreadable("find wrote half a list") }
        return try parts.map { part throws(HostError) in try FileRecord(part) }
    }

    /// Reads one record, without its zero byte.
    init(_ record: Substring.UTF8View) throws(HostError) {
        let fields = record.split(separator: UInt8(ascii: "\t"), maxSplits: 3, omittingEmptySubsequences: false)
        guard fields.count == 4, let size = UInt64(Substring(fields[1])), let blocks = UInt64(Substring(fields[2])),
            fields[3].first == UInt8(ascii: "/")
        else { throw .unreadable("find wrote a record that is none of its own") }
        self.init(
            path: String(Substring(fields[3])), isPlain: fields[0].elementsEqual("f".utf8), size: size,
            allocation: blocks * 512)
    }
}

/// What lies in the folders of pools, as one command told it.
struct StorageListing {
    /// Bytes of the file systems, by the folder that was asked for: all, and those free.
    var space: [String: (capacity: UInt64, available: UInt64)] = [:]
    var files: [FileRecord] = []
    /// The marks of plain files, by path.
    var marks: [String: FileMark] = [:]

    /// Nothing.
    init() {}

    /// Takes in another one's folders.
    mutating func add(_ other: StorageListing) {
        space.merge(other.space) { _, new in new }
        files += other.files
        marks.merge(other.marks) { _, new in new }
    }

    /// Reads what `StorageScripts.list` wrote. No path and no dump of `getfattr` holds a zero byte, and no record of
    /// `find` is empty, so nothing a file is called or marked with can move a border.
    ///
    /// - Throws: `.unreadable` when it is not whole.
    init(_ text: String, folders: [String]) throws(HostError) {
        let parts = text.utf8.split(separator: 0, omittingEmptySubsequences: false)
        guard parts.count >= folders.count + 2, parts[parts.count - 2].isEmpty, let dump = parts.last else {
            throw .unreadable("the list of the pools' folders is not whole")
        }
        for (folder, record) in zip(folders, parts) {
            let fields = record.split(separator: UInt8(ascii: "\t")).map { UInt64(Substring($0)) }
            guard fields.count == 3, let unit = fields[0], let all = fields[1], let free = fields[2] else {
                throw .unreadable("stat wrote a record that is none of its own")
            }
            space[folder] = (unit.multipliedSaturating(by: all), unit.multipliedSaturating(by: free))
        }
        files = try parts[folders.count..<parts.count - 2].map { part throws(HostError) in try FileRecord(part) }
        marks = try FileMark.parse(dump: String(Substring(dump)))
    }
}

extension UInt64 {
    fileprivate func multipliedSaturating(by other: UInt64) -> UInt64 {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        return overflow ? .max : product
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
