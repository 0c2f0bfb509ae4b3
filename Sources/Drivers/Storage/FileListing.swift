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

    /// Whether its first bytes are read with its name: a plain file that is called as our qcow2 files are and has as many.
    var showsHeader: Bool {
        isPlain && size >= QCOW2Header.observedLength && path.utf8.hasSuffix(".qcow2".utf8)
    }

    /// Reads what `find -printf '%y\t%s\t%b\t%p\0'` wrote of one file, without the zero byte: kind, size, blocks of 512
    /// bytes, path. A path need not be UTF-8; one that is repaired is never one of ours, which are ASCII.
    ///
    /// - Throws: `.unreadable` when it is not whole.
    init(_ record: ArraySlice<UInt8>) throws(HostError) {
        let fields = record.split(separator: UInt8(ascii: "\t"), maxSplits: 3, omittingEmptySubsequences: false)
        guard fields.count == 4, let size = UInt64(digits: fields[1]), let blocks = UInt64(digits: fields[2]),
            blocks < 1 << 54, fields[3].first == UInt8(ascii: "/")
        else { throw .unreadable("find wrote a record that is none of its own") }
        self.init(
            path: String(decoding: fields[3], as: UTF8.self), isPlain: fields[0].elementsEqual("f".utf8), size: size,
            allocation: blocks * 512)
    }
}

/// What lies in the folders of pools, as one look told it.
struct StorageListing {
    /// How much is read of all folders together, in bytes.
    static let sizeLimit = 1 << 27

    /// Bytes of the file systems, by the folder that was asked for: all, and those free.
    var space: [String: (capacity: UInt64, available: UInt64)] = [:]
    var files: [FileRecord] = []
    /// The marks of plain files, by path.
    var marks: [String: FileMark] = [:]
    /// The first bytes of plain files that are called as our qcow2 files are and have as many, by path.
    var headers: [String: ArraySlice<UInt8>] = [:]
    /// Whether a file went as it was looked at. Under another name it may be there still.
    var hasMissed = false

    /// Nothing.
    init() {}

    /// Takes in another one's folders.
    mutating func add(_ other: StorageListing) {
        space.merge(other.space) { _, new in new }
        files += other.files
        marks.merge(other.marks) { _, new in new }
        headers.merge(other.headers) { _, new in new }
    }

    /// Reads what `StorageScripts.list` wrote. No path and no dump of `getfattr` holds a zero byte, and no record of
    /// `find` is empty, so nothing a file is called or marked with can move a border. Each file gives the same number of
    /// bytes, or none of them counts, so nothing that is in one can be taken for another's.
    ///
    /// - Throws: `.unreadable` when it is not whole.
    init(_ bytes: [UInt8], folders: [String]) throws(HostError) {
        var rest = bytes[...]
        func next() throws(HostError) -> ArraySlice<UInt8> {
            guard let end = rest.firstIndex(of: 0) else {
                throw .unreadable("the list of the pools' folders is not whole")
            }
            defer { rest = rest[(end + 1)...] }
            return rest[..<end]
        }
        for folder in folders {
            let fields = try next().split(separator: UInt8(ascii: "\t")).map { UInt64(digits: $0) }
            guard fields.count == 3, let unit = fields[0], let all = fields[1], let free = fields[2] else {
                throw .unreadable("stat wrote a record that is none of its own")
            }
            space[folder] = (unit.multipliedSaturating(by: all), unit.multipliedSaturating(by: free))
        }
        while true {
            let record = try next()
            if record.isEmpty { break }
            files.append(try FileRecord(record))
        }
        marks = try FileMark.parse(dump: String(decoding: try next(), as: UTF8.self))
        let length = QCOW2Header.observedLength
        let disks = files.filter(\.showsHeader)
        guard rest.count == disks.count * length else { return }
        headers.reserveCapacity(disks.count)
        for (index, file) in disks.enumerated() {
            let start = rest.startIndex + index * length
            headers[file.path] = rest[start..<start + length]
        }
    }
}

extension BidirectionalCollection<UInt8> {
    fileprivate func hasSuffix(_ suffix: some BidirectionalCollection<UInt8>) -> Bool {
        reversed().starts(with: suffix.reversed())
    }
}

extension UInt64 {
    /// Decimal digits; nil for anything else.
    fileprivate init?(digits: ArraySlice<UInt8>) {
        guard !digits.isEmpty else { return nil }
        var value: UInt64 = 0
        for digit in digits {
            guard (0x30...0x39).contains(digit) else { return nil }
            let (tens, isOver) = value.multipliedReportingOverflow(by: 10)
            let (sum, isTooMuch) = tens.addingReportingOverflow(UInt64(digit - 0x30))
            guard !isOver, !isTooMuch else { return nil }
            value = sum
        }
        self = value
    }

    func multipliedSaturating(by other: UInt64) -> UInt64 {
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
        } else if let whole = Identity.whole(ofPart: name), let (sha256, format) = identity.image(inFileName: whole) {
            self = .image(sha256: sha256, format: format, staged: true)
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
