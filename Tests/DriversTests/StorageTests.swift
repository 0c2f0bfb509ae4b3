import Foundation
import Hosts
import Model
import Testing

@testable import Drivers

/// What `find`, `getfattr` and headers say, made sense of.
@Suite struct StorageParsingTests {
    let identity: Identity

    init() throws { identity = Identity(fleet: try #require(UUID(uuidString: "6f0a1d52-3b1c-4b7e-9a55-0d6c1f0e9a11"))) }

    @Test func marksSurviveAnyPath() throws {
        let mark = try FileMark(Volume.Mark(fleet: identity.fleet, id: "web.root", deletion: .delete, origin: "ab"))
        for path in ["/a/b", "/a/with space", "/a/back\\slash", "/a/line\nbreak", "/ä/ö", "/a/\\101"] {
            let dump = String(decoding: mark.dump(path: path), as: UTF8.self)
            #expect(dump.split(separator: "\n").count == 2)
            let read = try FileMark.parse(dump: dump)
            #expect(read == [path: mark])
            #expect(read[path]?.volume("web.root", in: identity)?.deletion == .delete)
        }
        #expect(mark.volume("other", in: identity) == nil)
        #expect(mark.volume("web.root", in: Identity(fleet: UUID())) == nil)
        #expect(mark.seed(of: "web.root", in: identity) == nil)
        #expect(mark.owner == "fleet 6f0a1d52")
        #expect(FileMark(data: Data("{".utf8)).owner == "")
    }

    @Test func recordedDump() throws {
        // getfattr 2.5.1
        let dump = "# file: /p/a\nuser.infra=0seyJhIjoxfQ==\n\n# file: /p/li\\012ne\nuser.infra=\"\"\n\n"
        let marks = try FileMark.parse(dump: dump)
        #expect(marks["/p/a"]?.data == Data(#"{"a":1}"#.utf8))
        #expect(marks["/p/li\nne"]?.data == Data())
        #expect(try FileMark.parse(dump: "").isEmpty)
        for broken in ["user.infra=0saa==\n", "# file: /p/a\nuser.infra=0s!\n", "# file: /p/a\nuser.other=0s\n", "x\n"]
        {
            #expect(throws: HostError.self) { try FileMark.parse(dump: broken) }
        }
    }

    @Test func recordedListing() throws {
        let list = ["f\t197120\t392\t/p/web.raw", "d\t4096\t8\t/p/a b\tc\nd", "l\t11\t0\t/p/link"]
        let files = try list.map { try FileRecord(Array($0.utf8)[...]) }
        #expect(files.map(\.name) == ["web.raw", "a b\tc\nd", "link"])
        #expect(files.map(\.isPlain) == [true, false, false])
        #expect(files[0].allocation == 200704 && files[0].size == 197120 && files[0].folder == "/p")
        for record in [
            "", "f", "f\t1\t2", "f\t1\t2\t", "f\t1\t2\tp", "f\t\t2\t/p", "f\t-1\t2\t/p",
            "f\t1\t99999999999999999999\t/p",
        ] {
            #expect(throws: HostError.self, "\(record)") { try FileRecord(Array(record.utf8)[...]) }
        }
    }

    @Test func rolesByName() {
        let sum = String(repeating: "ab", count: 32)
        let volume = identity.volumeFileName("web.root", .qcow2)
        let image = identity.imageFileName(sha256: sum, .kernel)
        let seed = identity.seedFileName(machine: "web")
        #expect(FileRole(name: volume, identity: identity) == .volume(id: "web.root", format: .qcow2, staged: false))
        #expect(FileRole(name: volume + ".staged", identity: identity)?.isStaged == true)
        #expect(FileRole(name: image, identity: identity) == .image(sha256: sum, format: .kernel, staged: false))
        #expect(FileRole(name: seed, identity: identity) == .seed(machine: "web", staged: false))
        #expect(FileRole(name: seed + ".01234567.staged", identity: identity) == .seed(machine: "web", staged: true))
        for name in [
            "web.qcow2", "web.00000000.qcow2", volume + "~", seed + ".01234567", ".staged", "",
            volume + ".staged.staged",
            "img-\(sum).00000000.kernel",
        ] {
            #expect(FileRole(name: name, identity: identity) == nil, "\(name)")
        }
        #expect(FileRole(name: volume, identity: Identity(fleet: UUID())) == nil)
    }

    @Test("hostile storage: a guest writes a qcow2 header into its raw disk")
    func aRawDiskHasTheSizeOfItsFile() throws {
        var reading = StorageReading(host: "a", identity: identity)
        let name = identity.volumeFileName("d", .raw)
        let mark = try FileMark(Volume.Mark(fleet: identity.fleet, id: "d", deletion: .retain))
        let file = FileRecord(path: "/p/\(name)", isPlain: true, size: 4096, allocation: 512)
        // The guest wrote a qcow2 header into it, which libvirt believes.
        reading.add(
            file, inPool: "p", mark: mark, seen: FileContents(size: 1 << 50, backing: "/etc/shadow", format: "qcow2"))
        #expect(reading.result.volumes.map(\.spec.size) == [ByteCount(4096)])
        #expect(reading.result.volumes.map(\.status?.backing) == [nil])
    }

    @Test func whatLibvirtDoesNotSeeIsUnknown() throws {
        var reading = StorageReading(host: "a", identity: identity)
        let name = identity.volumeFileName("d", .qcow2)
        let mark = try FileMark(Volume.Mark(fleet: identity.fleet, id: "d", deletion: .retain))
        reading.add(
            FileRecord(path: "/p/\(name)", isPlain: true, size: 1, allocation: 0), inPool: "p", mark: mark, seen: nil)
        #expect(reading.result.volumes.isEmpty)
        #expect(reading.result.unknown.map(\.resource) == [ResourceID(.volume, "d")])
    }

    /// A header as qemu-img writes it for a disk of 1 MiB, and the size of the file.
    private static let plain: [UInt8] = {
        var header: [UInt8] = [0x51, 0x46, 0x49, 0xfb, 0, 0, 0, 3] + [UInt8](repeating: 0, count: 104)
        for (place, value) in [
            (23, 16), (29, 0x10), (39, 1), (45, 3), (53, 1), (59, 1), (99, 4), (103, 112),
        ] as [(Int, UInt8)] { header[place] = value }
        return header
    }()
    private static let plainSize: UInt64 = 0x30008

    private static func objection(_ header: [UInt8]) -> String? {
        QCOW2Header.objection(to: header, fileSize: plainSize)
    }

    @Test("hostile storage: every bit of a qcow2 header that leads elsewhere or that nobody knows")
    func headers() {
        let plain = Self.plain
        #expect(Self.objection(plain) == nil)
        #expect(QCOW2Header.virtualSize(plain) == 1 << 20)
        for byte in Array(8..<20) + Array(32..<36) + Array(72..<80) {
            for bit in 0..<8 where !(byte == 79 && (bit == 3 || bit == 4)) {
                var header = plain
                header[byte] |= 1 << UInt8(bit)
                #expect(Self.objection(header) != nil, "byte \(byte) bit \(bit)")
            }
        }
        #expect(Self.objection(Array(plain.prefix(80))) != nil)
        #expect(Self.objection([]) == "it is not qcow2")
        #expect(QCOW2Header.bytes(dump: " 51 46 49 fb\n 00\n") == [0x51, 0x46, 0x49, 0xfb, 0])
    }

    /// What QEMU would allocate and read because a header says so.
    @Test("hostile storage: a qcow2 of 2^63 bytes, tables that are too large, too small or outside the file")
    func sizesInHeaders() {
        let odd: [(String, [Int: UInt8])] = [
            ("2^63 bytes", [24: 0x80]), ("513 TiB", [25: 2, 26: 1]), ("clusters of one byte", [23: 0]),
            ("clusters of 256 bytes", [23: 8]), ("clusters of 4 MiB", [23: 22]), ("clusters of 2^80 bytes", [23: 80]),
            ("level 1 of 32 GiB", [36: 0xff]), ("level 1 outside the file", [44: 1]), ("level 1 in a cluster", [47: 8]),
            ("level 1 in the header", [45: 0]), ("level 1 for less than the disk", [39: 0]),
            ("a disk for more than level 1", [27: 0x40]), ("no reference counts", [59: 0]),
            ("reference counts of 16 TiB", [57: 0xff]), ("reference counts outside the file", [52: 9]),
            ("reference counts of 128 bits", [99: 7]), ("a header of no length", [103: 0]),
        ]
        for (what, changes) in odd {
            var header = Self.plain
            for (place, value) in changes { header[place] = value }
            #expect(Self.objection(header) != nil, "\(what)")
        }
        #expect(QCOW2Header.objection(to: Self.plain, fileSize: Self.plainSize - 1) != nil)
    }

    /// A list of two folders, and one with any byte of it gone.
    @Test func recordedFolders() throws {
        let list =
            "4096\t100\t25\0" + "512\t8\t0\0" + "f\t5\t8\t/p/==> a <==\n\0" + "f\t5\t8\t/q/# file: b\0"
            + "\0# file: /p/==>\\040a\\040<==\\012\nuser.infra=0seyJhIjoxfQ==\n\n\0"
        let bytes = Array(list.utf8)
        let listing = try StorageListing(bytes, folders: ["/p", "/q"])
        #expect(listing.files.map(\.path) == ["/p/==> a <==\n", "/q/# file: b"])
        #expect(listing.marks.keys.sorted() == ["/p/==> a <==\n"])
        #expect(listing.space["/p"]?.capacity == 409_600 && listing.space["/p"]?.available == 102_400)
        #expect(listing.space["/q"]?.capacity == 4096 && listing.space["/q"]?.available == 0)
        #expect(try StorageListing(Array("1\t1\t1\0\0\0".utf8), folders: ["/p"]).files.isEmpty)
        for folders in [[], ["/p"], ["/p", "/q", "/r"]] {
            #expect(throws: HostError.self) { try StorageListing(bytes, folders: folders) }
        }
        for length in bytes.indices {
            #expect(throws: HostError.self, "\(length) bytes") {
                try StorageListing(Array(bytes[..<length]), folders: ["/p", "/q"])
            }
        }
    }

    /// The first bytes of files are told apart by their order, and do not count when one has changed meanwhile.
    @Test func recordedHeaders() throws {
        let list =
            "1\t1\t1\0" + "f\t1024\t8\t/p/a.qcow2\0" + "f\t1023\t8\t/p/short.qcow2\0" + "l\t2000\t8\t/p/link.qcow2\0"
            + "f\t9000\t8\t/p/b.raw\0" + "f\t9000\t8\t/p/c.qcow2\0" + "\0\0"
        let (first, second) = ([UInt8](repeating: 0, count: 1024), [UInt8](repeating: 7, count: 1024))
        let listing = try StorageListing(Array(list.utf8) + first + second, folders: ["/p"])
        #expect(listing.headers == ["/p/a.qcow2": first[...], "/p/c.qcow2": second[...]])
        for headers in [first, first + second.dropLast(), first + second + [0], []] {
            let listing = try StorageListing(Array(list.utf8) + headers, folders: ["/p"])
            #expect(listing.headers.isEmpty && listing.files.count == 5)
        }
    }

    /// What is told from a header, and what is left to libvirt.
    @Test func contentsByHeader() {
        var plain: [UInt8] = [0x51, 0x46, 0x49, 0xfb, 0, 0, 0, 3] + [UInt8](repeating: 0, count: 1016)
        plain[29] = 0x10
        #expect(QCOW2Header.contents(plain[...])?.size == 1 << 20)
        #expect(QCOW2Header.contents(plain[...])?.backing == nil)
        func layer(_ name: String, at offset: Int = 512, length: Int? = nil) -> [UInt8] {
            var header = plain
            for (index, byte) in name.utf8.enumerated() where offset + index < 1024 { header[offset + index] = byte }
            (header[14], header[15]) = (UInt8(offset >> 8), UInt8(offset & 0xff))
            let length = length ?? name.utf8.count
            (header[18], header[19]) = (UInt8(length >> 8), UInt8(length & 0xff))
            return header
        }
        #expect(QCOW2Header.contents(layer("/p/a b")[...])?.backing == "/p/a b")
        #expect(QCOW2Header.contents(layer("/p/edge", at: 1017)[...])?.backing == "/p/edge")
        for header in [
            layer("/p/edge", at: 1018), layer("relative"), layer("json:{}"), layer("/p/ä"), layer("/p/\n"),
            layer("/p", length: 3), layer("/p", at: 60), layer("", length: 0), layer("/p", at: 0),
            layer("/p", length: 1024),
            Array(plain.prefix(103)), [], [UInt8](repeating: 0, count: 1024),
        ] {
            #expect(QCOW2Header.contents(header[...]) == nil, "\(header.prefix(20))")
        }
        for byte in Array(0..<8) + Array(32..<36) + Array(72..<80) {
            for bit in 0..<8 where !(byte == 79 && [0, 1, 3, 4].contains(bit)) && !(byte == 7 && bit == 0) {
                var header = plain
                header[byte] ^= 1 << UInt8(bit)
                #expect(QCOW2Header.contents(header[...]) == nil, "byte \(byte) bit \(bit)")
            }
        }
    }
}
